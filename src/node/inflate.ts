import zlib from "node:zlib";

import type { Inflate } from "../core/inflate.ts";

/** The runtime's zlib, which stops as soon as there is more content than declared. */
export const inflate: Inflate = (stream, plainBytes) => {
  const options = { maxOutputLength: Math.max(1, plainBytes), chunkSize, info: true };
  // With `info` it also tells how far it read: without, what follows the stream goes unnoticed.
  const { buffer, engine } = zlib.inflateSync(stream, options) as unknown as Inflated;
  if (engine.bytesWritten !== stream.length)
    throw new RangeError(`zlib stream ends at byte ${engine.bytesWritten} of ${stream.length}`);
  if (buffer.length !== plainBytes)
    throw new RangeError(`zlib stream holds ${buffer.length} bytes, not ${plainBytes}`);
  return buffer;
};

interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

const chunkSize = 64 * 1024;
