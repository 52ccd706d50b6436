/**
 * The other direction of `src/swim/wire/lzw.ts`, which only peers need: what this program sends is not compressed. Gives
 * the same bytes as Go's compress/lzw.
 *
 * @module
 */

const clearCode = 256;
const endCode = 257;
const codesMax = 4096;
const widthMin = 9;
const widthMax = 12;

/** Returns `bytes` compressed. They may come out longer: a byte that nothing resembles takes 9 bits or more. */
export function deflateLzw(bytes: Uint8Array): Uint8Array {
  const out = new BitWriter(bytes.length);
  // For each code, and each byte that may follow it, the code of both together: an open-addressed table.
  const keys = new Int32Array(tableSize).fill(-1);
  const codes = new Uint16Array(tableSize);
  let width = widthMin;
  let last = endCode;
  let code = -1;
  out.write(clearCode, width);
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (code < 0) {
      code = byte;
      continue;
    }
    const key = (code << 8) | byte;
    let slot = Math.imul(key, 0x9e3779b1) >>> tableShift;
    while (keys[slot] !== key && keys[slot] !== -1) slot = (slot + 1) & (tableSize - 1);
    if (keys[slot] === key) {
      code = codes[slot] ?? 0;
      continue;
    }
    out.write(code, width);
    code = byte;
    last += 1;
    if (last === 1 << width) width += 1;
    if (last === codesMax - 1) {
      out.write(clearCode, widthMax);
      keys.fill(-1);
      width = widthMin;
      last = endCode;
    } else {
      keys[slot] = key;
      codes[slot] = last;
    }
  }
  if (code >= 0) {
    out.write(code, width);
    last += 1;
    if (last === 1 << width) width += 1;
    if (last === codesMax - 1) {
      out.write(clearCode, widthMax);
      width = widthMin;
    }
  }
  out.write(endCode, width);
  return out.end();
}

const tableSize = 1 << 14;
const tableShift = 32 - 14;

/** Writes codes of several widths one after the other, least significant bit first. */
class BitWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  #bits = 0;
  #bitCount = 0;

  /** `plainBytes` is the length of what is being compressed. */
  constructor(plainBytes: number) {
    // At most 12 bits a byte, and the codes around them.
    this.#bytes = new Uint8Array(Math.ceil(plainBytes * 1.5) + Math.ceil(plainBytes / 1000) + 16);
  }

  write(code: number, width: number): void {
    this.#bits |= code << this.#bitCount;
    this.#bitCount += width;
    for (; this.#bitCount >= 8; this.#bitCount -= 8) {
      this.#bytes[this.#length++] = this.#bits;
      this.#bits >>>= 8;
    }
  }

  end(): Uint8Array {
    if (this.#bitCount > 0) this.#bytes[this.#length++] = this.#bits;
    return this.#bytes.slice(0, this.#length);
  }
}
