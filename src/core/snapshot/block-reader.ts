import { ByteWriter } from "../byte-writer.ts";
import { recordHeader } from "../entry.ts";
import { hashBytes, type Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { decodeUtf8 } from "../utf8.ts";
import { LegacyLeaves } from "./legacy-leaves.ts";
import { type EntryPlaces, wireOfRecord } from "./record-wire.ts";
import type { SeenIds } from "./seen-ids.ts";
import { damagedSnapshot, oversizedSnapshot } from "./snapshot-error.ts";
import type { SnapshotEntry } from "./snapshot-entry.ts";
import type { SnapshotTally } from "./snapshot-tally.ts";

export interface BlockContext {
  readonly contextId: string;
  readonly hasher: Hasher;
  readonly tally: SnapshotTally;
  readonly ids: SeenIds;
}

/** Reads the entries of blocks, one after the other, and verifies all that an entry can show by itself. */
export class BlockReader {
  readonly #context: BlockContext;
  /** What every record begins with: the header and the context id. */
  readonly #prefix: Uint8Array;
  readonly #seedLeaves: LegacyLeaves;
  #bytes: Uint8Array = nothing;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  /** Where the part being read ends: the record or the block. */
  #end = 0;
  #blockOffset = 0;
  /** The sequence of the entry being read. */
  #sequence = 0;
  #keyBefore: Key = { bytes: nothing, text: "" };

  constructor(context: BlockContext) {
    this.#context = context;
    this.#prefix = new ByteWriter().raw(recordHeader).text(context.contextId).copy();
    this.#seedLeaves = new LegacyLeaves(context.contextId, context.hasher);
  }

  /** Starts the next block, which is used up; `offset` is where it begins in the snapshot, for error messages. */
  begin(plain: Uint8Array, offset: number): void {
    this.#bytes = plain;
    this.#view = new DataView(plain.buffer, plain.byteOffset, plain.length);
    this.#at = 0;
    this.#blockOffset = offset;
  }

  /** Returns the next entries of the block, at most `max`; none at its end. */
  entries(max: number): SnapshotEntry[] {
    const read: ReadEntry[] = [];
    while (read.length < max && this.#at < this.#bytes.length) read.push(this.#entry());
    return read.length === 0 ? [] : this.#verified(read);
  }

  #entry(): ReadEntry {
    this.#sequence += 1;
    this.#end = this.#bytes.length;
    const recordBytes = this.#u32("its record's length");
    if (recordBytes > limits.recordBytesMax) {
      throw this.#oversized("a record", recordBytes, limits.recordBytesMax);
    }
    const recordAt = this.#at;
    this.#end = this.#skip(recordBytes, "its record");
    this.#at = recordAt;
    const recordEnd = this.#end;
    const entry = this.#record(recordAt, recordEnd);
    if (this.#at !== this.#end) throw this.#damaged("has bytes after the last field of its record");

    this.#end = this.#bytes.length;
    this.#skip(entry.payloadBytes, "its payload");
    entry.payload = this.#bytes.subarray(recordEnd, this.#at);
    if (this.#bytes.length > limits.snapshotBlockBytes && this.#at !== this.#bytes.length) {
      throw this.#damaged(`shares a block of over ${limits.snapshotBlockBytes} bytes with other entries`);
    }
    return entry;
  }

  /** Hashes entries together and compares their payloads with their records. */
  #verified(read: readonly ReadEntry[]): SnapshotEntry[] {
    const { hasher, tally } = this.#context;
    const bytes = this.#bytes;
    const payloadHashes = hasher.sha256Many(read.map(({ payload }) => payload));
    for (const [i, { sequence, recordEnd }] of read.entries()) {
      this.#sequence = sequence;
      if (!isSameHash(payloadHashes, hashBytes * i, bytes, recordEnd - hashBytes))
        throw this.#damaged("has a payload of another hash");
    }
    const hashed = read.map(({ recordAt, recordEnd }) => {
      // The zero byte that is hashed in front of a record takes the place of the last byte of its length.
      bytes[recordAt - 1] = 0;
      return bytes.subarray(recordAt - 1, recordEnd);
    });
    const contentHashes = hasher.sha256Many(hashed);
    let lamport = 0n;
    const entries: SnapshotEntry[] = [];
    for (const [i, entry] of read.entries()) {
      this.#addSeedLeaf(entry);
      const contentHash = contentHashes.slice(hashBytes * i, hashBytes * (i + 1));
      const loaded = this.#loaded(entry, contentHash, hashed[i] ?? nothing);
      if (loaded.lamport > lamport) lamport = loaded.lamport;
      entries.push(loaded);
    }
    tally.add(contentHashes, this.#seedLeaves.take(), lamport);
    return entries;
  }

  #addSeedLeaf({ key, payload, numbersAt }: ReadEntry): void {
    const view = this.#view;
    this.#seedLeaves.add({
      key: key.bytes,
      payload,
      sequenceHigh: view.getUint32(numbersAt),
      sequenceLow: view.getUint32(numbersAt + 4),
      timeHigh: view.getUint32(numbersAt + 8),
      timeLow: view.getUint32(numbersAt + 12),
    });
  }

  #loaded(entry: ReadEntry, contentHash: Uint8Array, hashed: Uint8Array): SnapshotEntry {
    const { sequence, id, key, keyBytes, numbersAt, payload } = entry;
    return {
      sequence,
      id,
      key: key.text,
      appendedAtNs: this.#view.getBigUint64(numbersAt + 8),
      lamport: this.#view.getBigUint64(numbersAt + 16),
      contentHash,
      hashed,
      wire: wireOfRecord(this.#bytes, this.#view, entry),
      bytes: payload.length + keyBytes + entry.metadataTextBytes,
    };
  }

  /** Reads all fields of the record; its payload is not known yet. */
  #record(recordAt: number, recordEnd: number): ReadEntry {
    const sequence = this.#sequence;
    this.#checkPrefix();
    const idBytes = this.#idBytes();
    const idAt = this.#at - idBytes;
    const id = this.#decode(idAt, this.#at, "id");
    const keyBytes = this.#u32("its key");
    const keyAt = this.#at;
    const key = this.#key(keyAt, this.#skip(keyBytes, "its key"));
    const numbersAt = this.#at;
    this.#checkNumbers();
    const metadataCount = this.#u32("its metadata count");
    const metadataAt = this.#at;
    this.#checkMetadata(metadataCount);
    const metadataTextBytes = this.#at - metadataAt - 8 * metadataCount;
    const lengthAt = this.#at;
    this.#skip(8, "its payload length");
    const payloadBytes = Number(this.#view.getBigUint64(lengthAt));
    if (payloadBytes > limits.payloadBytesMax) {
      throw this.#oversized("a payload", payloadBytes, limits.payloadBytesMax);
    }
    this.#skip(hashBytes, "its payload hash");
    return {
      sequence,
      recordAt,
      recordEnd,
      idAt,
      idBytes,
      keyAt,
      keyBytes,
      numbersAt,
      metadataAt,
      metadataCount,
      id,
      key,
      metadataTextBytes,
      payloadBytes,
      payload: nothing,
    };
  }

  #checkPrefix(): void {
    const start = this.#at;
    this.#skip(this.#prefix.length, "the beginning of its record");
    for (let i = 0; i < this.#prefix.length; i += 1) {
      if (this.#bytes[start + i] === this.#prefix[i]) continue;
      throw this.#damaged(
        i < recordHeader.length ? "has no record of version 1" : "belongs to another context",
      );
    }
  }

  /** Moves over the id, which nothing before may have, and returns its length. */
  #idBytes(): number {
    const bytes = this.#u32("its id's length");
    if (bytes === 0) throw this.#damaged("has an empty id");
    if (bytes > limits.entryIdBytesMax) throw this.#oversized("an id", bytes, limits.entryIdBytesMax);
    const start = this.#at;
    const end = this.#skip(bytes, "its id");
    if (!this.#context.ids.add(this.#bytes, start, end))
      throw this.#damaged("has the id of an entry before it");
    return bytes;
  }

  /** Most entries have the key of the one before. */
  #key(start: number, end: number): Key {
    if (this.#hasKeyBefore(start, end)) return this.#keyBefore;
    this.#keyBefore = { bytes: this.#bytes.slice(start, end), text: this.#decode(start, end, "its key") };
    return this.#keyBefore;
  }

  #hasKeyBefore(start: number, end: number): boolean {
    const { bytes } = this.#keyBefore;
    if (bytes.length !== end - start) return false;
    for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== this.#bytes[start + i]) return false;
    return true;
  }

  #checkNumbers(): void {
    const view = this.#view;
    const at = this.#at;
    this.#skip(8, "its sequence");
    if (view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4) !== this.#sequence)
      throw this.#damaged(`has sequence ${view.getBigUint64(at)}`);
    this.#skip(8, "its appended_at_ns");
    // The upper half tells most numbers from those that are too large; big integers cost more.
    if (view.getUint32(at + 8) >= 2 ** 31)
      throw this.#damaged(`has appended_at_ns ${view.getBigUint64(at + 8)}, not below 2^63`);
    this.#skip(8, "its Lamport time");
    if (view.getUint32(at + 16) >= 2 ** 30 && view.getBigUint64(at + 16) > limits.lamportMax)
      throw this.#damaged(`has Lamport time ${view.getBigUint64(at + 16)}, above 2^62`);
  }

  #checkMetadata(metadataCount: number): void {
    let before: Uint8Array | undefined;
    for (let pair = 0; pair < metadataCount; pair += 1) {
      const name = this.#text("a metadata name");
      if (before !== undefined && !isBelow(before, name))
        throw this.#damaged("has metadata names that do not ascend");
      before = name;
      this.#text("a metadata value");
    }
  }

  /** Moves over a text and returns its bytes, which are valid UTF-8. */
  #text(part: string): Uint8Array {
    const length = this.#u32(part);
    const start = this.#at;
    const end = this.#skip(length, part);
    this.#decode(start, end, part);
    return this.#bytes.subarray(start, end);
  }

  #decode(start: number, end: number, part: string): string {
    try {
      return decodeUtf8(this.#bytes.subarray(start, end));
    } catch (error) {
      throw damagedSnapshot(`${this.#where()} has invalid UTF-8 in ${part}`, { cause: error });
    }
  }

  #u32(part: string): number {
    const at = this.#at;
    this.#skip(4, part);
    return this.#view.getUint32(at);
  }

  /** Moves over bytes that must be there and returns where they end. */
  #skip(bytes: number, part: string): number {
    if (bytes > this.#end - this.#at) throw this.#damaged(`ends in ${part}`);
    this.#at += bytes;
    return this.#at;
  }

  #damaged(fault: string): Error {
    return damagedSnapshot(`${this.#where()} ${fault}`);
  }

  #oversized(part: string, value: number, limit: number): Error {
    return oversizedSnapshot(`${part} (${this.#where()})`, { value, limit });
  }

  #where(): string {
    return `entry ${this.#sequence} (in the block at byte ${this.#blockOffset})`;
  }
}

interface Key {
  readonly bytes: Uint8Array;
  readonly text: string;
}

interface ReadEntry extends EntryPlaces {
  readonly sequence: number;
  readonly recordAt: number;
  readonly recordEnd: number;
  readonly id: string;
  readonly key: Key;
  readonly metadataTextBytes: number;
  readonly payloadBytes: number;
  payload: Uint8Array;
}

const nothing = new Uint8Array(0);

function isSameHash(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; i < hashBytes; i += 1) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** Compares bytes as unsigned numbers; of two texts the one whose code points come first is below. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return (a[i] ?? 0) < (b[i] ?? 0);
  return a.length < b.length;
}
