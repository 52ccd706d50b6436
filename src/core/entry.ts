/**
 * The entry, and the canonical record whose hash covers every field of it.
 *
 * @module
 */

import { ByteWriter } from "./byte-writer.ts";
import type { Hash, Hasher } from "./hasher.ts";
import { encodeUtf8, utf8Length } from "./utf8.ts";

/** Name and value pairs in ascending order of the UTF-8 bytes of their names, each name once. */
export type Metadata = readonly (readonly [name: string, value: string])[];

export interface Entry {
  readonly id: string;
  readonly key: string;
  readonly payload: Uint8Array;
  /** 1, 2, 3, without gaps. */
  readonly sequence: number;
  readonly appendedAtNs: bigint;
  readonly metadata: Metadata;
  readonly lamport: bigint;
}

/** What a record holds: the entry with its payload replaced by its size and hash. */
export interface EntryRecord extends Omit<Entry, "payload"> {
  readonly contextId: string;
  readonly payloadBytes: number;
  readonly payloadHash: Hash;
}

export const recordHeader = encodeUtf8("converge-ledger/entry/v1\n");

/** Returns the pairs in the order a record needs. Compares code points, which is the order of UTF-8 bytes. */
export function sortMetadata(pairs: Iterable<readonly [string, string]>): Metadata {
  return [...pairs].sort(([a], [b]) => compareCodePoints(a, b));
}

/** Appends the canonical record of an entry to `writer`. */
export function writeRecord(writer: ByteWriter, contextId: string, entry: Entry, payloadHash: Hash): void {
  writer.raw(recordHeader).text(contextId).text(entry.id).text(entry.key);
  writer.u64(entry.sequence).u64(entry.appendedAtNs).u64(entry.lamport);
  writer.u32(entry.metadata.length);
  for (const [name, value] of entry.metadata) writer.text(name).text(value);
  writer.u64(entry.payload.length).raw(payloadHash);
}

/** Returns the size of the record of an entry. */
export function recordBytes(contextId: string, { id, key, metadata }: Omit<Entry, "payload">): number {
  const numbers = 3 * 8 + 4 + 8 + 32;
  let bytes = recordHeader.length + textBytes(contextId) + textBytes(id) + textBytes(key) + numbers;
  for (const [name, value] of metadata) bytes += textBytes(name) + textBytes(value);
  return bytes;
}

/** A text with its length in front. */
function textBytes(text: string): number {
  return 4 + utf8Length(text);
}

const scratch = new ByteWriter(1024);

/**
 * Returns SHA-256(0x00 ‖ record): the entry's hash and its leaf hash.
 * [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1)
 */
export function contentHash(contextId: string, entry: Entry, hasher: Hasher): Hash {
  writeRecord(scratch.reset().u8(0), contextId, entry, hasher.sha256(entry.payload));
  return hasher.sha256(scratch.view());
}

/** Compares two well-formed texts as their UTF-8 bytes would be compared. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return surrogatesLast(x) - surrogatesLast(y);
  }
  return a.length - b.length;
}

/** Maps UTF-16 units so that their order is that of the code points they begin. */
function surrogatesLast(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** Returns what an entry counts with in sizes and quotas: payload, key, metadata names and values. */
export function entryBytes(entry: Pick<Entry, "key" | "payload" | "metadata">): number {
  let bytes = entry.payload.length + utf8Length(entry.key);
  for (const [name, value] of entry.metadata) bytes += utf8Length(name) + utf8Length(value);
  return bytes;
}
