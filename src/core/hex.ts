const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Returns bytes as lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  // Not every runtime has it yet. https://tc39.es/proposal-arraybuffer-base64/
  const native = (bytes as { readonly toHex?: () => string }).toHex;
  if (native !== undefined) return native.call(bytes);
  let text = "";
  for (const byte of bytes) text += digits[byte];
  return text;
}

/** Returns the bytes of lower-case hexadecimal digits, or undefined if `text` is anything else. */
export function unhex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  const { fromHex } = Uint8Array as { readonly fromHex?: (text: string) => Uint8Array };
  if (fromHex !== undefined) return fromHex.call(Uint8Array, text);
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
