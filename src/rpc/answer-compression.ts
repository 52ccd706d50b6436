import type { Compression } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";

/** What requests may be compressed with, and answers if the client accepts it. */
export const compressions: readonly Compression[] = [compressionGzip, compressionBrotli];

/**
 * Answers smaller than this are not compressed, whatever the client accepts: on the networks a ledger is used
 * in, compressing them costs more than sending them.
 */
export const compressBytesMin = 64 * 1024;

/** Returns how an answer is compressed for a client that accepts these names, separated by commas. */
export function answerCompression(accepted: string | null | undefined): Compression | undefined {
  for (const name of accepted?.split(",") ?? []) {
    const found = compressions.find((compression) => compression.name === name.trim());
    if (found !== undefined) return found;
  }
  return undefined;
}
