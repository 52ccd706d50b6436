import { createReadStream } from "node:fs";
import type { CliIo } from "../cli-io.ts";
import { InputError } from "./input-error.ts";

const chunkBytes = 256 * 1024;

/** Yields the bytes of a file, or of standard input for "-", unchanged. Throws {@link InputError}. */
export async function* readInput(io: CliIo, path: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* path === "-" ? io.stdin.bytes() : createReadStream(path, { highWaterMark: chunkBytes });
  } catch (error) {
    throw new InputError(path, error);
  }
}

/** Returns all bytes of an input; undefined if there are more than `bytesMax`. */
export async function readAll(
  source: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of source) {
    size += part.length;
    if (size > bytesMax) return undefined;
    parts.push(part.slice());
  }
  return Buffer.concat(parts);
}
