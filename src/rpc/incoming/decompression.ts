import type { Compression } from "@connectrpc/connect/protocol";
import { compressions } from "../answer-compression.ts";

/** Requests that are decompressed at the same time; each may grow to the size its method allows. */
const concurrencyMax = 4;

let running = 0;
const waiting: (() => void)[] = [];

/** Returns how requests with this encoding are decompressed; undefined if there is no such, or none is needed. */
export function compressionOf(encoding: string | null): Compression | undefined {
  return compressions.find(({ name }) => name === encoding);
}

/** Decompresses one message, in turn. Throws ConnectError if it is damaged or over `bytesMax`. */
export async function decompress(
  compression: Compression,
  bytes: Uint8Array,
  bytesMax: number,
): Promise<Uint8Array> {
  if (running >= concurrencyMax) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await compression.decompress(bytes, bytesMax);
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}
