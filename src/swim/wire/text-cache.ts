import { decodeUtf8 } from "../../core/utf8.ts";

/**
 * Texts that were decoded before, by their bytes: the names of a cluster come again with every message, and comparing
 * is three times faster than decoding. Holds at most {@link slotCount} texts of {@link textBytesMax} bytes.
 */
export class TextCache {
  readonly #slots: (string | undefined)[] = new Array<string | undefined>(slotCount).fill(undefined);

  /** Returns the text of a part of `bytes`; undefined if it is not UTF-8. */
  decode(bytes: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start;
    if (length === 0) return "";
    if (length > textBytesMax) return decoded(bytes, start, end);
    let hash = length;
    for (let index = start; index < end; index++) hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0;
    const slot = (hash ^ (hash >>> 15)) & (slotCount - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isText(known, bytes, start, length)) return known;
    const text = decoded(bytes, start, end);
    // Only ASCII is compared; other texts would be put there in vain.
    if (text !== undefined && text.length === length) this.#slots[slot] = text;
    return text;
  }
}

const slotCount = 1 << 14;
const textBytesMax = 64;

function isText(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++)
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  return true;
}

function decoded(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return decodeUtf8(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}
