import { assert } from "../assert.ts";
import { ByteWriter } from "../byte-writer.ts";
import { recordHeader } from "../entry.ts";
import { hashBytes, type Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { copyBytes } from "./copy-bytes.ts";
import { LegacyLeaves } from "./legacy-leaves.ts";
import { SnapshotTally } from "./snapshot-tally.ts";
import { WireScan } from "./wire-scan.ts";

/** An entry as it is stored. */
export interface StoredRow {
  readonly sequence: number;
  readonly contentHash: Uint8Array;
  /** Fields 1 to 7 of the entry's protobuf encoding, see `core/entry-wire.ts`. */
  readonly wire: Uint8Array;
}

export interface BlockWriterOptions {
  readonly contextId: string;
  readonly hasher: Hasher;
  /** Returns what is thrown for a stored entry whose bytes are not those of its hash. */
  readonly damaged: (sequence: number) => Error;
}

/**
 * Copies stored entries into blocks, record after record, and hashes each anew: what is no longer what was
 * appended does not get into a snapshot. Bytes are copied once, and nothing is decoded.
 */
export class BlockWriter {
  readonly tally: SnapshotTally;
  readonly #options: BlockWriterOptions;
  /** What every record begins with: the header and the context id. */
  readonly #prefix: Uint8Array;
  readonly #scan = new WireScan();
  readonly #seedLeaves: LegacyLeaves;
  #block = new Uint8Array(0);
  #view = new DataView(this.#block.buffer);
  #at = 0;
  /** Entries in the block that are not hashed yet. */
  #waiting: WaitingEntry[] = [];
  #waitingLamport: Halves = { high: 0, low: 0 };
  #next = 1;
  /** Of the entry before. */
  #key: Uint8Array = new Uint8Array(0);

  constructor(options: BlockWriterOptions) {
    this.#options = options;
    this.tally = new SnapshotTally(options.hasher);
    this.#prefix = new ByteWriter().raw(recordHeader).text(options.contextId).copy();
    this.#seedLeaves = new LegacyLeaves(options.contextId, options.hasher);
  }

  /** Takes the next entries, from sequence 1 on, and returns the blocks that they complete, as arrays of their own. */
  add(rows: readonly StoredRow[]): Uint8Array[] {
    const full: Uint8Array[] = [];
    for (const row of rows) {
      assert(row.sequence === this.#next, "entries of a snapshot ascend from 1 without gaps");
      this.#next += 1;
      this.#read(row);
      const bytes = this.#entryBytes();
      if (this.#at > 0 && this.#at + bytes > limits.snapshotBlockBytes) full.push(this.#take());
      this.#write(row);
      if (this.#at >= limits.snapshotBlockBytes) full.push(this.#take());
    }
    this.#hash();
    return full;
  }

  /** Returns the last block, if there is anything in it. */
  rest(): Uint8Array[] {
    return this.#at === 0 ? [] : [this.#take()];
  }

  #read({ sequence, wire }: StoredRow): void {
    try {
      this.#scan.scan(wire);
    } catch (error) {
      throw error instanceof RangeError ? this.#options.damaged(sequence) : error;
    }
    const isTooLong =
      this.#recordBytes() > limits.recordBytesMax || wire.length - this.#scan.payloadBytes > overhangBytesMax;
    if (isTooLong) throw this.#options.damaged(sequence);
  }

  #recordBytes(): number {
    const { idBytes, keyBytes, metadataCount, metadataTextBytes } = this.#scan;
    const texts = 4 + idBytes + 4 + keyBytes + 8 * metadataCount + metadataTextBytes;
    return this.#prefix.length + texts + numbersBytes + hashBytes;
  }

  #entryBytes(): number {
    return 4 + this.#recordBytes() + this.#scan.payloadBytes;
  }

  /** Writes the entry that was read, with a place for the hash of its payload. */
  #write({ sequence, wire, contentHash }: StoredRow): void {
    const scan = this.#scan;
    const start = this.#at + 4;
    const end = start + this.#recordBytes();
    this.#reserve(end + wire.length);
    const block = this.#block;
    const view = this.#view;
    // The whole encoding, so that the payload comes to where it belongs. What else of it there is now is written
    // over: before, because a record is longer than the fields in front of the payload, and behind by what follows.
    if (scan.payloadBytes > 0) block.set(wire, end - scan.payloadAt);
    block.set(this.#prefix, start);
    let at = start + this.#prefix.length;
    view.setUint32(at, scan.idBytes);
    at = copyBytes(block, at + 4, wire, scan.idAt, scan.idBytes);
    view.setUint32(at, scan.keyBytes);
    const keyAt = at + 4;
    at = copyBytes(block, keyAt, wire, scan.keyAt, scan.keyBytes);
    view.setUint32(at, scan.sequenceHigh);
    view.setUint32(at + 4, scan.sequenceLow);
    view.setUint32(at + 8, scan.timeHigh);
    view.setUint32(at + 12, scan.timeLow);
    view.setUint32(at + 16, scan.lamportHigh);
    view.setUint32(at + 20, scan.lamportLow);
    view.setUint32(at + 24, scan.metadataCount);
    at = scan.writeMetadata(block, view, at + 28);
    view.setUint32(at, 0);
    view.setUint32(at + 4, scan.payloadBytes);
    const payload = block.subarray(end, end + scan.payloadBytes);
    this.#at = end + scan.payloadBytes;
    this.#waiting.push({ sequence, start, end, payload, contentHash });
    this.#waitingLamport = larger(this.#waitingLamport, scan.lamportHigh, scan.lamportLow);
    const { sequenceHigh, sequenceLow, timeHigh, timeLow } = scan;
    this.#key = keyOf(this.#key, block, keyAt, scan.keyBytes);
    this.#seedLeaves.add({ key: this.#key, payload, sequenceHigh, sequenceLow, timeHigh, timeLow });
  }

  /** Makes sure that `bytes` of the block can be written. */
  #reserve(bytes: number): void {
    if (bytes <= this.#block.length) return;
    assert(this.#at === 0, "a block has room for every entry that does not make it too large");
    this.#block = new Uint8Array(Math.max(bytes, limits.snapshotBlockBytes + overhangBytesMax));
    this.#view = new DataView(this.#block.buffer);
  }

  /** Hashes the entries that wait and compares them with the hashes that were stored with them. */
  #hash(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    const { hasher, damaged } = this.#options;
    const block = this.#block;
    const payloadHashes = hasher.sha256Many(waiting.map(({ payload }) => payload));
    for (const [i, { start, end }] of waiting.entries()) {
      copyBytes(block, end - hashBytes, payloadHashes, hashBytes * i, hashBytes);
      // The zero byte that is hashed in front of a record stands where the last byte of its length will be.
      this.#view.setUint32(start - 4, 0);
    }
    const contentHashes = hasher.sha256Many(waiting.map(({ start, end }) => block.subarray(start - 1, end)));
    for (const [i, { sequence, start, end, contentHash }] of waiting.entries()) {
      if (contentHash.length !== hashBytes || !isAt(contentHashes, hashBytes * i, contentHash))
        throw damaged(sequence);
      this.#view.setUint32(start - 4, end - start);
    }
    const { high, low } = this.#waitingLamport;
    this.tally.add(contentHashes, this.#seedLeaves.take(), (BigInt(high) << 32n) | BigInt(low));
    this.#waiting = [];
  }

  /** Returns the block and begins the next. */
  #take(): Uint8Array {
    this.#hash();
    const block = this.#block.subarray(0, this.#at);
    this.#block = new Uint8Array(0);
    this.#at = 0;
    return block;
  }
}

interface WaitingEntry {
  readonly sequence: number;
  /** Where its record begins and ends. */
  readonly start: number;
  readonly end: number;
  readonly payload: Uint8Array;
  readonly contentHash: Uint8Array;
}

interface Halves {
  readonly high: number;
  readonly low: number;
}

/** Sequence, time and Lamport time, the number of pairs, and the size of the payload. */
const numbersBytes = 3 * 8 + 4 + 8;
/** How much of the encoding of an entry that fits into a block may be behind the end of the block while it is copied. */
const overhangBytesMax = 2 * limits.recordBytesMax;

function larger(halves: Halves, high: number, low: number): Halves {
  return high > halves.high || (high === halves.high && low > halves.low) ? { high, low } : halves;
}

/** Returns the key before if it has these bytes too, else a copy of them. */
function keyOf(before: Uint8Array, block: Uint8Array, at: number, bytes: number): Uint8Array {
  return before.length === bytes && isAt(block, at, before) ? before : block.slice(at, at + bytes);
}

/** Tells whether `packed` has these bytes at an offset. */
function isAt(packed: Uint8Array, offset: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i += 1) if (packed[offset + i] !== bytes[i]) return false;
  return true;
}
