import { entryTag, varintHalvesSize, varintSize, writeVarint, writeVarintHalves } from "../entry-wire.ts";
import { copyBytes } from "./copy-bytes.ts";

/** Where the fields of one entry are in a block. */
export interface EntryPlaces {
  readonly idAt: number;
  readonly idBytes: number;
  readonly keyAt: number;
  readonly keyBytes: number;
  /** Where sequence, time and Lamport time are, 8 bytes each. */
  readonly numbersAt: number;
  /** Where the first metadata pair begins. */
  readonly metadataAt: number;
  readonly metadataCount: number;
  readonly payload: Uint8Array;
}

/** Returns the protobuf encoding of an entry, as `encodeEntry` writes it, made of the bytes of its record. */
export function wireOfRecord(block: Uint8Array, view: DataView, places: EntryPlaces): Uint8Array {
  const { idAt, idBytes, keyAt, keyBytes, numbersAt, metadataAt, metadataCount, payload } = places;
  const wire = new Uint8Array(wireBytes(view, places));
  let at = writeField(wire, 0, entryTag.id, block, idAt, idBytes);
  if (keyBytes > 0) at = writeField(wire, at, entryTag.key, block, keyAt, keyBytes);
  if (payload.length > 0) {
    wire[at] = entryTag.payload;
    at = writeVarint(wire, at + 1, payload.length);
    wire.set(payload, at);
    at += payload.length;
  }
  at = writeNumber(wire, at, entryTag.sequence, view, numbersAt);
  at = writeNumber(wire, at, entryTag.appendedAtNs, view, numbersAt + 8);
  let pairAt = metadataAt;
  for (let pair = 0; pair < metadataCount; pair += 1) {
    const nameBytes = view.getUint32(pairAt);
    const valueAt = pairAt + 4 + nameBytes;
    const valueBytes = view.getUint32(valueAt);
    wire[at] = entryTag.metadata;
    at = writeVarint(wire, at + 1, textFieldBytes(nameBytes) + textFieldBytes(valueBytes));
    at = writeField(wire, at, entryTag.metadataName, block, pairAt + 4, nameBytes);
    at = writeField(wire, at, entryTag.metadataValue, block, valueAt + 4, valueBytes);
    pairAt = valueAt + 4 + valueBytes;
  }
  if (!isZero(view, numbersAt + 16)) writeNumber(wire, at, entryTag.lamport, view, numbersAt + 16);
  return wire;
}

function wireBytes(view: DataView, places: EntryPlaces): number {
  const { idBytes, keyBytes, numbersAt, metadataAt, metadataCount, payload } = places;
  let bytes =
    textFieldBytes(idBytes) + numberFieldBytes(view, numbersAt) + numberFieldBytes(view, numbersAt + 8);
  if (keyBytes > 0) bytes += textFieldBytes(keyBytes);
  if (payload.length > 0) bytes += textFieldBytes(payload.length);
  let pairAt = metadataAt;
  for (let pair = 0; pair < metadataCount; pair += 1) {
    const nameBytes = view.getUint32(pairAt);
    const valueBytes = view.getUint32(pairAt + 4 + nameBytes);
    bytes += textFieldBytes(textFieldBytes(nameBytes) + textFieldBytes(valueBytes));
    pairAt += 8 + nameBytes + valueBytes;
  }
  return isZero(view, numbersAt + 16) ? bytes : bytes + numberFieldBytes(view, numbersAt + 16);
}

function isZero(view: DataView, numberAt: number): boolean {
  return view.getUint32(numberAt) === 0 && view.getUint32(numberAt + 4) === 0;
}

/** Tag, length and content. */
function textFieldBytes(bytes: number): number {
  return 1 + varintSize(bytes) + bytes;
}

function numberFieldBytes(view: DataView, numberAt: number): number {
  return 1 + varintHalvesSize(view.getUint32(numberAt), view.getUint32(numberAt + 4));
}

function writeField(
  wire: Uint8Array,
  offset: number,
  tag: number,
  block: Uint8Array,
  start: number,
  bytes: number,
): number {
  wire[offset] = tag;
  return copyBytes(wire, writeVarint(wire, offset + 1, bytes), block, start, bytes);
}

function writeNumber(
  wire: Uint8Array,
  offset: number,
  tag: number,
  view: DataView,
  numberAt: number,
): number {
  wire[offset] = tag;
  return writeVarintHalves(wire, offset + 1, view.getUint32(numberAt), view.getUint32(numberAt + 4));
}
