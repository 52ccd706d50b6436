/** What has been read of a request's body. */
export interface ReceivedBody {
  readonly bytes: Uint8Array;
  /** Reads what follows; undefined if nothing does. */
  readonly rest: Pick<ReadableStreamDefaultReader<Uint8Array>, "read"> | undefined;
}

/** Reads a body of unknown length, stopping after the piece that makes it longer than `bytesMax`. */
export async function readUpTo(request: Request, bytesMax: number): Promise<ReceivedBody> {
  const reader: ReceivedBody["rest"] = request.body?.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  while (reader !== undefined && length <= bytesMax) {
    const { done, value } = await reader.read();
    if (done) return { bytes: Buffer.concat(pieces, length), rest: undefined };
    pieces.push(value);
    length += value.length;
  }
  return { bytes: Buffer.concat(pieces, length), rest: reader };
}

/** Iterates over a whole body: what was read, then the rest. */
export async function* allOf({ bytes, rest }: ReceivedBody): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
  for (;;) {
    const next = await rest?.read();
    if (next === undefined || next.done) return;
    yield next.value;
  }
}
