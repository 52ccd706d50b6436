/**
 * Base64 with padding, in its one canonical form.
 * [RFC 4648, section 4](https://www.rfc-editor.org/rfc/rfc4648#section-4)
 *
 * @module
 */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Values of ASCII characters; 64 for those that are no digits. */
const values = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = alphabet.indexOf(String.fromCharCode(code));
  return value < 0 ? 64 : value;
});

/** Returns bytes as base64. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += digit(group >> 18) + digit(group >> 12);
    text += (left > 1 ? digit(group >> 6) : "=") + (left > 2 ? digit(group) : "=");
  }
  return text;
}

/** Returns the bytes of base64, or undefined if `text` is not exactly what {@link base64} writes. */
export function unbase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let held = 0;
  for (let i = 0; i < digits; i += 1) {
    const value = values[text.charCodeAt(i)] ?? 64;
    if (value === 64) return undefined;
    held = ((held << 6) | value) & 0xffff;
    // After 2, 3 and 4 digits of a group one more byte is complete.
    if (i % 4 > 0) bytes[(i >> 2) * 3 + (i % 4) - 1] = held >> (6 - 2 * (i % 4));
  }
  // What a lenient reader drops: other texts would give the same bytes.
  const unused = padding === 0 ? 0 : held & (padding === 2 ? 0xf : 0x3);
  return unused === 0 ? bytes : undefined;
}

function digit(group: number): string {
  return alphabet[group & 63] ?? "";
}
