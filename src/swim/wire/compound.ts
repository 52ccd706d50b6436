import { assert } from "../../core/assert.ts";
import { messageTypes } from "./message-types.ts";

/** Bytes of a compound beside its parts. */
export const compoundOverhead = 2;
/** Bytes that each part adds to its own. */
export const compoundPartOverhead = 2;
export const compoundPartsMax = 255;
export const compoundPartBytesMax = 65_535;

/** Returns several messages as one. */
export function encodeCompound(parts: readonly Uint8Array[]): Uint8Array {
  assert(parts.length >= 1 && parts.length <= compoundPartsMax, "a compound has 1 to 255 parts");
  let length = compoundOverhead;
  for (const part of parts) {
    assert(part.length <= compoundPartBytesMax, "the length of a part fits into 16 bits");
    length += compoundPartOverhead + part.length;
  }
  const bytes = new Uint8Array(length);
  bytes[0] = messageTypes.compound;
  bytes[1] = parts.length;
  let header = compoundOverhead;
  let offset = compoundOverhead + compoundPartOverhead * parts.length;
  for (const part of parts) {
    bytes[header++] = part.length >> 8;
    bytes[header++] = part.length & 0xff;
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * Calls `visit` with where each whole part of a compound begins and ends. `start` is after the type byte. Returns how
 * many parts are cut off; undefined if not even the lengths are whole.
 */
export function visitParts(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (start: number, end: number) => void,
): number | undefined {
  const count = bytes[start];
  if (count === undefined || start >= end) return undefined;
  let header = start + 1;
  let offset = header + compoundPartOverhead * count;
  if (offset > end) return undefined;
  for (let part = 0; part < count; part++) {
    const length = ((bytes[header] ?? 0) << 8) | (bytes[header + 1] ?? 0);
    header += compoundPartOverhead;
    if (offset + length > end) return count - part;
    visit(offset, offset + length);
    offset += length;
  }
  return 0;
}
