import { decodeUtf8 } from "../../core/utf8.ts";

const lineFeed = 0x0a;

/**
 * Yields the lines of a stream of UTF-8 bytes, without their ends; a last line needs none. Throws an
 * Error that names the line if one is longer than `lineBytesMax` or not UTF-8.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<{ readonly number: number; readonly text: string }, void> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let size = 0;
  const take = (part: Uint8Array): void => {
    size += part.length;
    if (size > lineBytesMax) throw new Error(`line ${number + 1} is longer than ${lineBytesMax} bytes`);
    parts.push(part);
  };
  const finish = (): { number: number; text: string } => {
    number += 1;
    const text = decodeLine(Buffer.concat(parts), number);
    parts = [];
    size = 0;
    return { number, text };
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      take(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    // A copy: the source may use its buffer again.
    if (start < chunk.length) take(chunk.slice(start));
  }
  if (size > 0) yield finish();
}

function decodeLine(bytes: Uint8Array, number: number): string {
  try {
    return decodeUtf8(bytes).replace(/\r$/, "");
  } catch {
    throw new Error(`line ${number} is not UTF-8`);
  }
}
