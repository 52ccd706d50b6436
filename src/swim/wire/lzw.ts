/**
 * The compression of memberlist: [LZW](https://www.w3.org/Graphics/GIF/spec-gif89a.txt) as in GIF, least significant bit
 * first, with literals of 8 bits and codes of 9 to 12. Members compress unless told not to; this program only reads it,
 * because a packet that fits needs to be no smaller, and the state of 10,000 members takes three times as long with it.
 *
 * @module
 */

const clearCode = 256;
const endCode = 257;
const codesMax = 4096;
const widthMin = 9;
const widthMax = 12;

/** Returns what was compressed. Undefined if `bytes` are damaged; "too-large" if it is more than `bytesMax`. */
export function inflateLzw(bytes: Uint8Array, bytesMax: number): Uint8Array | "too-large" | undefined {
  let output = new Uint8Array(Math.min(bytesMax, Math.max(256, bytes.length * 4)));
  let written = 0;
  let width = widthMin;
  let next = endCode;
  let previousStart = -1;
  let previousLength = 0;
  let bits = 0;
  let bitCount = 0;
  let offset = 0;
  for (;;) {
    for (; bitCount < width; bitCount += 8) {
      const byte = bytes[offset++];
      if (byte === undefined) return undefined;
      bits |= byte << bitCount;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    bitCount -= width;

    if (code === endCode) return output.subarray(0, written);
    if (code === clearCode) {
      width = widthMin;
      next = endCode;
      previousStart = -1;
      continue;
    }
    // The newest code is the previous one and the byte after it, which may be only just being written.
    if (previousStart >= 0) {
      starts[next] = previousStart;
      lengths[next] = previousLength + 1;
    }
    if (code > next) return undefined;
    const start = starts[code] ?? 0;
    const length = code < clearCode ? 1 : (lengths[code] ?? 0);
    if (written + length > bytesMax) return "too-large";
    if (written + length > output.length) output = grown(output, written + length, bytesMax);
    if (code < clearCode) output[written] = code;
    else for (let index = 0; index < length; index++) output[written + index] = output[start + index] ?? 0;
    previousStart = written;
    previousLength = length;
    written += length;
    next += 1;
    if (next < 1 << width) continue;
    if (width < widthMax) width += 1;
    else {
      // The table is full and stays as it is until it is cleared.
      previousStart = -1;
      next -= 1;
    }
  }
}

/** Where in the output is what a code stands for. Codes that are not defined yet are never looked up. */
const starts = new Int32Array(codesMax);
const lengths = new Int32Array(codesMax);

function grown(bytes: Uint8Array, length: number, lengthMax: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(lengthMax, Math.max(length, bytes.length * 2)));
  larger.set(bytes);
  return larger;
}
