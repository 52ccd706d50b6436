import { zstdCompressSync } from "node:zlib";
import { encodeEntry } from "../../src/core/entry-wire.ts";
import { contentHash, type Entry } from "../../src/core/entry.ts";
import type { StoredRow } from "../../src/core/snapshot/block-writer.ts";
import type { SnapshotSummary } from "../../src/core/snapshot/snapshot-format.ts";
import { createSnapshotWriter } from "../../src/core/snapshot/snapshot-writer.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import type { LoadInput, LoadResult } from "../../src/ledger/loader.ts";

const hasher = await loadHasher();

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

/** Returns entries as a store would keep them. */
export function storedRows(contextId: string, entries: readonly Entry[]): StoredRow[] {
  return entries.map((entry) => ({
    sequence: entry.sequence,
    contentHash: contentHash(contextId, entry, hasher),
    wire: encodeEntry(entry),
  }));
}

/** Writes a snapshot of any entries, also of such that no append would take. */
export function snapshotOfEntries(
  header: { readonly contextId: string; readonly createdAtNs?: bigint },
  entries: readonly Entry[],
  compress: (plain: Uint8Array) => Uint8Array = zstdCompressSync,
): { bytes: Uint8Array; summary: SnapshotSummary } {
  const { contextId, createdAtNs = 1n } = header;
  const writer = createSnapshotWriter({ contextId, createdAtNs, hasher, damaged });
  const blocks = [...writer.add(storedRows(contextId, entries)), ...writer.rest()];
  const chunks = [
    ...writer.begin(),
    ...blocks.flatMap((block) => writer.compressed(compress(block), block.length)),
  ];
  const { chunks: end, summary } = writer.finish();
  return { bytes: new Uint8Array(Buffer.concat([...chunks, ...end])), summary };
}

function damaged(sequence: number): Error {
  return new Error(`entry ${sequence} is damaged`);
}
