import { createReadStream } from "node:fs";
import type { CliIo } from "../cli-io.ts";

const chunkBytes = 256 * 1024;

/** Yields the bytes of a file, or of standard input for "-", unchanged. */
export function readInput(io: CliIo, path: string): AsyncIterable<Uint8Array> {
  return path === "-" ? io.stdin.bytes() : createReadStream(path, { highWaterMark: chunkBytes });
}

/** Returns all bytes of an input; throws once there are more than `bytesMax`. */
export async function readAll(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of source) {
    size += part.length;
    if (size > bytesMax) throw new Error(`the input is larger than ${bytesMax} bytes`);
    parts.push(part.slice());
  }
  return Buffer.concat(parts);
}
