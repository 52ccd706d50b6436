import { ByteWriter } from "../byte-writer.ts";
import { compareCodePoints, type Entry, type EntryRecord, recordHeader, writeRecord } from "../entry.ts";
import { type Hash, hashBytes } from "../hasher.ts";
import { limits } from "../limits.ts";
import { RecordReader } from "./record-reader.ts";

const anyText = { min: 0, max: limits.recordBytesMax };

/** Returns the canonical record of an entry: the bytes whose hash, after a 0x00, is its leaf. */
export function entryRecordBytes(contextId: string, entry: Entry, payloadHash: Hash): Uint8Array {
  const writer = new ByteWriter(256);
  writeRecord(writer, contextId, entry, payloadHash);
  return writer.copy();
}

/** Throws INVALID_ARGUMENT unless `bytes` are exactly the canonical record of an entry that a ledger can hold. */
export function parseEntryRecord(bytes: Uint8Array): EntryRecord {
  const reader = new RecordReader(bytes, "Entry record");
  reader.header(recordHeader);
  const contextId = reader.text("a context id", { min: 1, max: limits.contextIdBytesMax });
  const id = reader.text("an id", { min: 1, max: limits.entryIdBytesMax });
  const key = reader.text("a key", anyText);
  const sequence = Number(reader.u64("a sequence", { min: 1n, max: BigInt(limits.sequenceMax) }));
  const appendedAtNs = reader.u64("an appended_at_ns", { min: 0n, max: limits.timeNsMax });
  const lamport = reader.u64("a Lamport time", { min: 0n, max: limits.lamportMax });
  const metadata = readMetadata(reader);
  const payloadBounds = { min: 0n, max: BigInt(limits.payloadBytesMax) };
  const payloadBytes = Number(reader.u64("a payload length", payloadBounds));
  const payloadHash = reader.raw(hashBytes, "its payload hash");
  reader.end();
  return { contextId, id, key, sequence, appendedAtNs, lamport, metadata, payloadBytes, payloadHash };
}

function readMetadata(reader: RecordReader): [string, string][] {
  const count = reader.u32("its metadata count");
  const pairs: [string, string][] = [];
  // Each pair takes bytes, so a count that is too large ends with them.
  for (let i = 0; i < count; i += 1) {
    const name = reader.text("a metadata name", anyText);
    const before = pairs.at(-1);
    if (before !== undefined && compareCodePoints(before[0], name) >= 0)
      throw reader.malformed("has metadata names that do not ascend");
    pairs.push([name, reader.text("a metadata value", anyText)]);
  }
  return pairs;
}
