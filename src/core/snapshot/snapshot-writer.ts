import { ByteWriter } from "../byte-writer.ts";
import { BlockWriter, type BlockWriterOptions, type StoredRow } from "./block-writer.ts";
import { blockTag, endTag, snapshotMagic, type SnapshotSummary, snapshotVersion } from "./snapshot-format.ts";

export interface SnapshotWriterOptions extends BlockWriterOptions {
  readonly createdAtNs: bigint;
}

/** Bytes that are ready to be sent. */
type Chunks = readonly Uint8Array[];

/**
 * Writes a version 3 snapshot in one pass. Blocks are compressed by the caller, wherever it likes, and
 * come back in their order; the writer itself holds one block.
 */
export interface SnapshotWriter {
  begin(): Chunks;
  /** Takes the next entries, from sequence 1 on, and returns the blocks that they complete, not compressed. */
  add(rows: readonly StoredRow[]): readonly Uint8Array[];
  /** Returns what is left of the blocks, not compressed, once all entries were added. */
  rest(): readonly Uint8Array[];
  /** Takes the next block as one zstd frame. */
  compressed(frame: Uint8Array, plainBytes: number): Chunks;
  /** Returns the last bytes and what they say, once all blocks came back. */
  finish(): { readonly chunks: Chunks; readonly summary: SnapshotSummary };
}

/** The Lamport time of a snapshot is the largest of its entries, so nothing but the entries is needed. */
export function createSnapshotWriter(options: SnapshotWriterOptions): SnapshotWriter {
  const { contextId, createdAtNs, hasher } = options;
  const digest = hasher.stream();
  const blocks = new BlockWriter(options);
  return { begin, add: (rows) => blocks.add(rows), rest: () => blocks.rest(), compressed, finish };

  function begin(): Chunks {
    const header = new ByteWriter().raw(snapshotMagic).u32(snapshotVersion).text(contextId).u64(createdAtNs);
    return digested(header.view());
  }

  function compressed(frame: Uint8Array, plainBytes: number): Chunks {
    return digested(new ByteWriter(16).u8(blockTag).u32(frame.length).u32(plainBytes).view(), frame);
  }

  function finish(): ReturnType<SnapshotWriter["finish"]> {
    const { count, lamport } = blocks.tally;
    const root = blocks.tally.root();
    const seedRoot = blocks.tally.seedRoot();
    const end = new ByteWriter().u8(endTag).u64(count).u64(count).u64(lamport).raw(seedRoot).raw(root);
    const chunks = digested(end.view());
    const total = digest.digest();
    const counts = { count, latestSequence: count, lamport };
    const summary = { contextId, createdAtNs, ...counts, root, seedRoot, digest: total };
    return { chunks: [...chunks, total], summary };
  }

  function digested(...chunks: Uint8Array[]): Chunks {
    for (const chunk of chunks) digest.update(chunk);
    return chunks;
  }
}
