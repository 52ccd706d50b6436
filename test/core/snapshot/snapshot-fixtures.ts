import { createHash } from "node:crypto";
import zlib from "node:zlib";

import { expect } from "bun:test";

import { decodeEntry, encodeEntry } from "../../../src/core/entry-wire.ts";
import { type Entry, entryBytes, sortMetadata } from "../../../src/core/entry.ts";
import { LedgerError } from "../../../src/core/errors.ts";
import { hex } from "../../../src/core/hex.ts";
import type { SnapshotEntry } from "../../../src/core/snapshot/snapshot-entry.ts";
import type { SnapshotSummary } from "../../../src/core/snapshot/snapshot-format.ts";
import { createSnapshotReader } from "../../../src/core/snapshot/snapshot-reader.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { createZstd } from "../../../src/node/zstd.ts";
import { snapshotOfEntries } from "../../support/ledger-snapshot.ts";

export const hasher = await loadHasher();
export const zstd = createZstd();
export const contextId = "audit/2026 é";

/** Entry number `sequence` of a context that has a bit of everything. */
export function sampleEntry(sequence: number, changes: Partial<Entry> = {}): Entry {
  return {
    id: sequence.toString(16).padStart(32, "0"),
    key: `key-${sequence % 5}`,
    payload: new Uint8Array(sequence % 90).fill(sequence),
    sequence,
    appendedAtNs: 1_767_225_600_000_000_000n + BigInt(sequence),
    metadata: sortMetadata(
      sequence % 2 === 0
        ? []
        : [
            ["agent", `a-${sequence}`],
            ["😀", "é"],
          ],
    ),
    lamport: BigInt(sequence * 2),
    ...changes,
  };
}

export function sampleEntries(count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => sampleEntry(i + 1));
}

export function write(entries: readonly Entry[]): { bytes: Uint8Array; summary: SnapshotSummary } {
  return snapshotOfEntries({ contextId, createdAtNs: 1_767_225_700_000_000_000n }, entries);
}

/** A loaded entry with all that its stored form says. */
export interface ReadEntry extends Entry {
  readonly contentHash: Uint8Array;
}

/** Returns what an entry of a snapshot holds; throws if what it says beside its stored form is something else. */
export function decoded({ wire, hashed, contentHash, bytes, ...beside }: SnapshotEntry): ReadEntry {
  const entry = decodeEntry(wire);
  const { payload: _payload, metadata: _metadata, ...fields } = entry;
  expect(beside).toEqual(fields);
  expect(bytes).toBe(entryBytes(entry));
  expect(hex(wire)).toBe(hex(encodeEntry(entry)));
  expect(hex(sha256(hashed))).toBe(hex(contentHash));
  return { ...entry, contentHash };
}

export function read(
  bytes: Uint8Array,
  chunkBytes = 65_536,
): { entries: ReadEntry[]; summary: SnapshotSummary } {
  const reader = createSnapshotReader({ hasher, zstd });
  const entries: ReadEntry[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    for (const batch of reader.push(bytes.subarray(at, at + chunkBytes))) entries.push(...batch.map(decoded));
  }
  return { entries, summary: reader.finish() };
}

/** Returns the error with which a snapshot is refused, as `REASON: message`. */
export function refusal(bytes: Uint8Array): string {
  try {
    read(bytes);
  } catch (error) {
    if (error instanceof LedgerError && error.code === "INVALID_ARGUMENT") {
      return `${error.facts.reason}: ${error.message}`;
    }
    throw error;
  }
  return "accepted";
}

export function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export function text(value: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(value as Uint8Array);
  return joined(u32(bytes.length), bytes);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

export const header = joined(Buffer.from("CLSNAP3\n"), u32(3), text(contextId), u64(5n));
/** The end of a snapshot whose numbers and roots are not looked at, because something before is wrong. */
export const anyEnd = joined(new Uint8Array([2]), new Uint8Array(88));

/** Bytes of the end with its digest. */
export const endAndDigestBytes = 1 + 88 + 32;

/** Completes a snapshot with its digest. */
export function sealed(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = joined(...parts);
  return joined(bytes, sha256(bytes));
}

export function block(plain: Uint8Array, sizes: { plain?: number; frame?: number } = {}): Uint8Array {
  const frame = zlib.zstdCompressSync(plain);
  return joined(
    new Uint8Array([1]),
    u32(sizes.frame ?? frame.length),
    u32(sizes.plain ?? plain.length),
    frame,
  );
}

/** One entry as in a block, field by field, so that each can be made wrong. */
export interface RawEntry {
  recordHeader: string;
  contextId: string;
  id: string | Uint8Array;
  key: string | Uint8Array;
  sequence: bigint;
  appendedAtNs: bigint;
  lamport: bigint;
  metadata: [string | Uint8Array, string | Uint8Array][];
  metadataCount: number;
  payload: Uint8Array;
  payloadBytes: bigint;
  payloadHash: Uint8Array;
  extra: Uint8Array;
}

export function rawEntry(changes: Partial<RawEntry> = {}): Uint8Array {
  const { payload = new Uint8Array(3), metadata = [] } = changes;
  const raw: RawEntry = {
    recordHeader: "converge-ledger/entry/v1\n",
    contextId,
    id: "1",
    key: "k",
    sequence: 1n,
    appendedAtNs: 7n,
    lamport: 1n,
    metadata,
    metadataCount: metadata.length,
    payload,
    payloadBytes: BigInt(payload.length),
    payloadHash: sha256(payload),
    extra: new Uint8Array(0),
    ...changes,
  };
  const record = joined(
    Buffer.from(raw.recordHeader),
    ...[raw.contextId, raw.id, raw.key].map(text),
    ...[raw.sequence, raw.appendedAtNs, raw.lamport].map(u64),
    u32(raw.metadataCount),
    ...raw.metadata.flat().map(text),
    u64(raw.payloadBytes),
    raw.payloadHash,
    raw.extra,
  );
  return joined(u32(record.length), record, raw.payload);
}
