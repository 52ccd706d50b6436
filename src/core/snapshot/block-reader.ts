import { ByteWriter } from "../byte-writer.ts";
import { compareCodePoints, type Entry, recordHeader } from "../entry.ts";
import type { Hash, Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { decodeUtf8 } from "../utf8.ts";
import { sameBytes } from "./same-bytes.ts";
import type { SeenIds } from "./seen-ids.ts";
import { damagedSnapshot, oversizedSnapshot } from "./snapshot-error.ts";
import type { SnapshotTally } from "./snapshot-tally.ts";

/** A loaded entry, checked against its own record. The payload is a view into its block. */
export interface SnapshotEntry extends Entry {
  readonly contentHash: Hash;
}

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
  readonly #hashed = new ByteWriter(1024);
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  /** Where the part being read ends: the record or the block. */
  #end = 0;
  #blockOffset = 0;

  constructor(context: BlockContext) {
    this.#context = context;
    this.#prefix = new ByteWriter().raw(recordHeader).text(context.contextId).copy();
  }

  /** Starts the next block; `offset` is where it begins in the snapshot, for error messages. */
  begin(plain: Uint8Array, offset: number): void {
    this.#bytes = plain;
    this.#view = new DataView(plain.buffer, plain.byteOffset, plain.length);
    this.#at = 0;
    this.#blockOffset = offset;
  }

  /** Returns the next entries of the block, at most `max`; none at its end. */
  entries(max: number): SnapshotEntry[] {
    const entries: SnapshotEntry[] = [];
    while (entries.length < max && this.#at < this.#bytes.length) entries.push(this.#entry());
    return entries;
  }

  #entry(): SnapshotEntry {
    const { hasher, tally, contextId } = this.#context;
    this.#end = this.#bytes.length;
    const recordBytes = this.#u32("its record's length");
    if (recordBytes > limits.recordBytesMax) {
      throw this.#oversized("a record", recordBytes, limits.recordBytesMax);
    }
    const recordStart = this.#at;
    this.#end = this.#skip(recordBytes, "its record");
    this.#at = recordStart;
    const record = this.#record();
    if (this.#at !== this.#end) throw this.#damaged("has bytes after the last field of its record");

    this.#hashed.reset().u8(0).raw(this.#bytes.subarray(recordStart, this.#end));
    this.#end = this.#bytes.length;
    const payloadStart = this.#at;
    this.#skip(record.payloadBytes, "its payload");
    const payload = this.#bytes.subarray(payloadStart, this.#at);
    if (!sameBytes(hasher.sha256(payload), record.payloadHash))
      throw this.#damaged("has a payload of another hash");
    if (this.#bytes.length > limits.snapshotBlockBytes && this.#at !== this.#bytes.length) {
      throw this.#damaged(`shares a block of over ${limits.snapshotBlockBytes} bytes with other entries`);
    }
    const contentHash = hasher.sha256(this.#hashed.view());
    const { id, key, sequence, appendedAtNs, metadata, lamport } = record;
    const entry = { id, key, payload, sequence, appendedAtNs, metadata, lamport, contentHash };
    tally.add(contextId, entry, contentHash);
    return entry;
  }

  #record(): Omit<Entry, "payload"> & { payloadBytes: number; payloadHash: Hash } {
    this.#checkPrefix();
    const id = this.#id();
    const key = this.#text("its key");
    const sequence = this.#u64("its sequence");
    const expected = this.#context.tally.count + 1;
    if (sequence !== BigInt(expected)) throw this.#damaged(`has sequence ${sequence}`);
    const appendedAtNs = this.#u64("its appended_at_ns");
    if (appendedAtNs > limits.timeNsMax)
      throw this.#damaged(`has appended_at_ns ${appendedAtNs}, not below 2^63`);
    const lamport = this.#u64("its Lamport time");
    if (lamport > limits.lamportMax) throw this.#damaged(`has Lamport time ${lamport}, above 2^62`);
    const metadata = this.#metadata();
    const payloadBytes = Number(this.#u64("its payload length"));
    if (payloadBytes > limits.payloadBytesMax) {
      throw this.#oversized("a payload", payloadBytes, limits.payloadBytesMax);
    }
    const hashStart = this.#at;
    const payloadHash = this.#bytes.subarray(hashStart, this.#skip(32, "its payload hash"));
    return { id, key, sequence: expected, appendedAtNs, lamport, metadata, payloadBytes, payloadHash };
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

  #id(): string {
    const length = this.#u32("its id's length");
    if (length === 0) throw this.#damaged("has an empty id");
    if (length > limits.entryIdBytesMax) throw this.#oversized("an id", length, limits.entryIdBytesMax);
    const start = this.#at;
    const bytes = this.#bytes.subarray(start, this.#skip(length, "its id"));
    if (!this.#context.ids.add(bytes)) throw this.#damaged("has the id of an entry before it");
    return this.#decode(start, this.#at, "id");
  }

  #metadata(): [string, string][] {
    const count = this.#u32("its metadata count");
    const pairs: [string, string][] = [];
    for (let i = 0; i < count; i += 1) {
      const name = this.#text("a metadata name");
      const before = pairs.at(-1);
      if (before !== undefined && compareCodePoints(before[0], name) >= 0) {
        throw this.#damaged("has metadata names that do not ascend");
      }
      pairs.push([name, this.#text("a metadata value")]);
    }
    return pairs;
  }

  #text(part: string): string {
    const length = this.#u32(part);
    const start = this.#at;
    return this.#decode(start, this.#skip(length, part), part);
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

  #u64(part: string): bigint {
    const at = this.#at;
    this.#skip(8, part);
    return this.#view.getBigUint64(at);
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
    return `entry ${this.#context.tally.count + 1} (in the block at byte ${this.#blockOffset})`;
  }
}
