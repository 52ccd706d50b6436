import type { Ledger } from "../../src/ledger/ledger.ts";
import type { LoadInput, LoadResult } from "../../src/ledger/loader.ts";

/** Returns a snapshot of a context in one piece. */
export async function snapshotOf(ledger: Ledger, contextId: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const part of ledger.snapshot(contextId))
    chunks.push(...("bytes" in part && part.kind === "chunk" ? [part.bytes] : []));
  return Buffer.concat(chunks);
}

/** Loads a snapshot in pieces of `pieceBytes`. */
export function loadSnapshot(
  ledger: Ledger,
  contextId: string,
  snapshot: Uint8Array,
  options: Partial<LoadInput> & { pieceBytes?: number } = {},
): Promise<LoadResult> {
  const { failIfExists = false, expectedRoot = "", allowUnverified = false, pieceBytes = 65_536 } = options;
  return ledger.load(
    { contextId, failIfExists, expectedRoot, allowUnverified },
    pieces(snapshot, pieceBytes),
  );
}

/** Yields bytes in pieces. */
export async function* pieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += pieceBytes)
    yield bytes.subarray(start, start + pieceBytes);
}
