/**
 * Text as UTF-8 bytes, never normalised, never repaired.
 *
 * @module
 */

import { assert } from "./assert.ts";

const encoder = new TextEncoder();
// A leading U+FEFF is text here, not a byte-order mark.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns how many bytes `text` takes in UTF-8. A lone surrogate counts as 3. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit < 0xd800 || unit > 0xdbff || !isLowSurrogate(text, i + 1)) bytes += 2;
    else {
      bytes += 2;
      i += 1;
    }
  }
  return bytes;
}

/** Returns the bytes of `text`, which must be well formed. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Writes the bytes of well-formed `text` at `offset` and returns the offset after them. */
export function writeUtf8(target: Uint8Array, offset: number, text: string): number {
  if (text.length > 64) return writeLong(target, offset, text);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return writeLong(target, offset, text);
    target[offset + i] = unit;
  }
  return offset + text.length;
}

/** Returns the text of `bytes`. Throws TypeError if they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function writeLong(target: Uint8Array, offset: number, text: string): number {
  const { read, written } = encoder.encodeInto(text, target.subarray(offset));
  assert(read === text.length, "the target has room for the text");
  return offset + written;
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
