/**
 * Returns the checksum that memberlist puts before packets:
 * [the CRC-32 of gzip](https://www.rfc-editor.org/rfc/rfc1952#section-8). Takes four bytes at a time, about 1 ns each.
 */
export function crc32(bytes: Uint8Array, start = 0): number {
  const end = bytes.length;
  let crc = -1;
  let index = start;
  for (; index + 4 <= end; index += 4) {
    crc ^=
      (bytes[index] ?? 0) |
      ((bytes[index + 1] ?? 0) << 8) |
      ((bytes[index + 2] ?? 0) << 16) |
      ((bytes[index + 3] ?? 0) << 24);
    crc =
      (table[768 + (crc & 0xff)] ?? 0) ^
      (table[512 + ((crc >>> 8) & 0xff)] ?? 0) ^
      (table[256 + ((crc >>> 16) & 0xff)] ?? 0) ^
      (table[crc >>> 24] ?? 0);
  }
  for (; index < end; index++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/** What 8, 16, 24 and 32 zero bits make of each byte, one after the other. */
const table = tableOf();

function tableOf(): Int32Array {
  const entries = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 32; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
      if (bit % 8 === 7) entries[(bit >> 3) * 256 + byte] = crc;
    }
  }
  return entries;
}
