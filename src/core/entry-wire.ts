/**
 * The protobuf encoding of converge.context.v1.Entry, fields 1 to 7. It is what the store keeps and
 * what every answer copies; content_hash (field 8) lives in a column of its own and is appended by
 * {@link contentHashField}. Byte-identical to what protobuf-es writes.
 * [Protocol buffers encoding](https://protobuf.dev/programming-guides/encoding/)
 *
 * @module
 */

import { assert } from "./assert.ts";
import type { Entry } from "./entry.ts";
import { decodeUtf8, utf8Length, writeUtf8 } from "./utf8.ts";

/** Bytes that {@link writeContentHashField} takes: tag, length, 32 bytes. */
export const contentHashFieldBytes = 34;

/** Field numbers and wire types of an entry, and of the two parts of a metadata pair. */
export const entryTag = {
  id: 0x0a,
  key: 0x12,
  payload: 0x1a,
  sequence: 0x20,
  appendedAtNs: 0x28,
  metadata: 0x32,
  lamport: 0x38,
  metadataName: 0x0a,
  metadataValue: 0x12,
} as const;
const contentHashTag = 0x42;

/** Returns fields 1 to 7 of an entry in a fresh array. */
export function encodeEntry(entry: Entry): Uint8Array {
  const idBytes = utf8Length(entry.id);
  const keyBytes = utf8Length(entry.key);
  let size = bytesFieldSize(idBytes) + bytesFieldSize(keyBytes) + bytesFieldSize(entry.payload.length);
  size += 1 + varintSize(entry.sequence) + 1 + varint64Size(entry.appendedAtNs);
  for (const [name, value] of entry.metadata) size += 1 + lengthPrefixed(pairSize(name, value));
  if (entry.lamport !== 0n) size += 1 + varint64Size(entry.lamport);

  const bytes = new Uint8Array(size);
  let at = writeText(bytes, 0, entryTag.id, entry.id, idBytes);
  at = writeText(bytes, at, entryTag.key, entry.key, keyBytes);
  if (entry.payload.length > 0) {
    bytes[at] = entryTag.payload;
    at = writeVarint(bytes, at + 1, entry.payload.length);
    bytes.set(entry.payload, at);
    at += entry.payload.length;
  }
  bytes[at] = entryTag.sequence;
  at = writeVarint(bytes, at + 1, entry.sequence);
  bytes[at] = entryTag.appendedAtNs;
  at = writeVarint64(bytes, at + 1, entry.appendedAtNs);
  for (const [name, value] of entry.metadata) {
    bytes[at] = entryTag.metadata;
    at = writeVarint(bytes, at + 1, pairSize(name, value));
    at = writeAlways(bytes, at, entryTag.metadataName, name);
    at = writeAlways(bytes, at, entryTag.metadataValue, value);
  }
  if (entry.lamport !== 0n) {
    bytes[at] = entryTag.lamport;
    at = writeVarint64(bytes, at + 1, entry.lamport);
  }
  return at === size ? bytes : bytes.subarray(0, at);
}

/** Writes field 8 at `offset` and returns the offset after it. */
export function writeContentHashField(target: Uint8Array, offset: number, contentHash: Uint8Array): number {
  target[offset] = contentHashTag;
  target[offset + 1] = 32;
  target.set(contentHash, offset + 2);
  return offset + contentHashFieldBytes;
}

/**
 * Reads what {@link encodeEntry} wrote. Throws RangeError or TypeError if the bytes are damaged;
 * the payload is a view into `bytes`.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  let id = "";
  let key = "";
  let payload: Uint8Array = empty;
  let sequence = 0;
  let appendedAtNs = 0n;
  let lamport = 0n;
  const metadata: [string, string][] = [];
  const reader = new Reader(bytes);
  while (!reader.done) {
    switch (reader.varint()) {
      case entryTag.id:
        id = decodeUtf8(reader.bytes());
        break;
      case entryTag.key:
        key = decodeUtf8(reader.bytes());
        break;
      case entryTag.payload:
        payload = reader.bytes();
        break;
      case entryTag.sequence:
        sequence = reader.varint();
        break;
      case entryTag.appendedAtNs:
        appendedAtNs = reader.varint64();
        break;
      case entryTag.lamport:
        lamport = reader.varint64();
        break;
      case entryTag.metadata:
        metadata.push(decodePair(reader.bytes()));
        break;
      default:
        throw new RangeError("unknown field in a stored entry");
    }
  }
  return { id, key, payload, sequence, appendedAtNs, metadata, lamport };
}

const empty = new Uint8Array(0);

function decodePair(bytes: Uint8Array): [string, string] {
  const reader = new Reader(bytes);
  let name = "";
  let value = "";
  while (!reader.done) {
    const field = reader.varint();
    if (field === entryTag.metadataName) name = decodeUtf8(reader.bytes());
    else if (field === entryTag.metadataValue) value = decodeUtf8(reader.bytes());
    else throw new RangeError("unknown field in stored metadata");
  }
  return [name, value];
}

class Reader {
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    const value = this.varint64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new RangeError("integer in a stored entry is too large");
    return Number(value);
  }

  varint64(): bigint {
    let low = 0;
    // Seven groups of 7 bits stay exact in a number; the rest needs a bigint.
    for (let i = 0; i < 7; i += 1) {
      const byte = this.#next();
      low += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#next();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("integer in a stored entry has no end");
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("field in a stored entry ends after the entry");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new RangeError("stored entry ends too early");
    this.#at += 1;
    return byte;
  }
}

function pairSize(name: string, value: string): number {
  return 1 + lengthPrefixed(utf8Length(name)) + 1 + lengthPrefixed(utf8Length(value));
}

function bytesFieldSize(length: number): number {
  return length === 0 ? 0 : 1 + lengthPrefixed(length);
}

function lengthPrefixed(length: number): number {
  return varintSize(length) + length;
}

function writeText(
  target: Uint8Array,
  offset: number,
  fieldTag: number,
  text: string,
  length: number,
): number {
  if (length === 0) return offset;
  target[offset] = fieldTag;
  return writeUtf8(target, writeVarint(target, offset + 1, length), text);
}

/** Map entries carry their key and value even if empty. */
function writeAlways(target: Uint8Array, offset: number, fieldTag: number, text: string): number {
  target[offset] = fieldTag;
  return writeUtf8(target, writeVarint(target, offset + 1, utf8Length(text)), text);
}

/** Returns how many bytes the varint of a safe integer takes. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Returns how many bytes the varint of a value below 2^64 takes. */
export function varint64Size(value: bigint): number {
  return varintHalvesSize(Number(value >> 32n), Number(BigInt.asUintN(32, value)));
}

/** Returns how many bytes the varint of `high` · 2^32 + `low` takes. */
export function varintHalvesSize(high: number, low: number): number {
  const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
  return Math.max(1, Math.ceil(bits / 7));
}

/** Writes the varint of a safe integer and returns the offset after it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, "a varint is a safe integer");
  let at = offset;
  let rest = value;
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}

/** Writes the varint of a value below 2^64 and returns the offset after it. */
export function writeVarint64(target: Uint8Array, offset: number, value: bigint): number {
  // Two 32-bit halves: arithmetic on bigints costs several times that on numbers.
  return writeVarintHalves(target, offset, Number(value >> 32n), Number(BigInt.asUintN(32, value)));
}

/** Writes the varint of `high` · 2^32 + `low` and returns the offset after it. */
export function writeVarintHalves(target: Uint8Array, offset: number, high: number, low: number): number {
  let highRest = high;
  let lowRest = low;
  let at = offset;
  while (highRest > 0 || lowRest >= 128) {
    target[at++] = (lowRest & 127) | 128;
    lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
    highRest >>>= 7;
  }
  target[at++] = lowRest;
  return at;
}
