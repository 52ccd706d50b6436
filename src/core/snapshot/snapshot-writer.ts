import { assert } from "../assert.ts";
import { ByteWriter } from "../byte-writer.ts";
import { type Entry, writeRecord } from "../entry.ts";
import type { Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import type { Zstd } from "../zstd.ts";
import { blockTag, endTag, snapshotMagic, type SnapshotSummary, snapshotVersion } from "./snapshot-format.ts";
import { SnapshotTally } from "./snapshot-tally.ts";

export interface SnapshotWriterOptions {
  readonly contextId: string;
  readonly createdAtNs: bigint;
  readonly hasher: Hasher;
  readonly zstd: Zstd;
}

export interface SnapshotWriter {
  /** Takes the next entry, from sequence 1 on, and returns bytes that are ready to be sent, mostly none. */
  add(entry: Entry): readonly Uint8Array[];
  /** Returns the last bytes and what they say. The writer must not be used afterwards. */
  finish(): { readonly chunks: readonly Uint8Array[]; readonly summary: SnapshotSummary };
}

/**
 * Writes a version 3 snapshot in one pass; holds one block at a time. The Lamport time of a snapshot
 * is the largest of its entries, so nothing but the entries is needed.
 */
export function createSnapshotWriter(options: SnapshotWriterOptions): SnapshotWriter {
  const { contextId, createdAtNs, hasher, zstd } = options;
  const digest = hasher.stream();
  const tally = new SnapshotTally(hasher);
  const block = new ByteWriter(65_536);
  const record = new ByteWriter(1024);
  let chunks: Uint8Array[] = [];
  emit(new ByteWriter().raw(snapshotMagic).u32(snapshotVersion).text(contextId).u64(createdAtNs).view());
  return { add, finish };

  function add(entry: Entry): readonly Uint8Array[] {
    assert(entry.sequence === tally.count + 1, "entries of a snapshot ascend from 1 without gaps");
    // The leading zero makes the bytes those of the content hash.
    writeRecord(record.reset().u8(0), contextId, entry, hasher.sha256(entry.payload));
    const prefixed = record.view();
    const recordBytes = prefixed.length - 1;
    assert(recordBytes <= limits.recordBytesMax, "the record of a stored entry is within its limit");
    tally.add(contextId, entry, hasher.sha256(prefixed));
    const added = 4 + recordBytes + entry.payload.length;
    if (block.length > 0 && block.length + added > limits.snapshotBlockBytes) flush();
    block.u32(recordBytes).raw(prefixed.subarray(1)).raw(entry.payload);
    if (block.length >= limits.snapshotBlockBytes) flush();
    return takeChunks();
  }

  function finish(): ReturnType<SnapshotWriter["finish"]> {
    if (block.length > 0) flush();
    const { count, lamport } = tally;
    const root = tally.root();
    const seedRoot = tally.seedRoot();
    emit(new ByteWriter().u8(endTag).u64(count).u64(count).u64(lamport).raw(seedRoot).raw(root).view());
    const total = digest.digest();
    chunks.push(total);
    const summary = {
      contextId,
      createdAtNs,
      count,
      latestSequence: count,
      lamport,
      root,
      seedRoot,
      digest: total,
    };
    return { chunks: takeChunks(), summary };
  }

  function flush(): void {
    const frame = zstd.compress(block.view());
    emit(new ByteWriter(16).u8(blockTag).u32(frame.length).u32(block.length).view());
    emit(frame);
    block.reset();
  }

  function emit(bytes: Uint8Array): void {
    digest.update(bytes);
    chunks.push(bytes);
  }

  function takeChunks(): readonly Uint8Array[] {
    if (chunks.length === 0) return none;
    const taken = chunks;
    chunks = [];
    return taken;
  }
}

const none: readonly Uint8Array[] = [];
