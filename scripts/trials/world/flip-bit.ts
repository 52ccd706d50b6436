import { readFileSync, writeFileSync } from "node:fs";

/** Flips the lowest bit of the last byte of the first text in a file that matches; returns that text. */
export function flipBit(file: string, pattern: RegExp): string | undefined {
  const bytes = readFileSync(file);
  const text = pattern.exec(bytes.toString("latin1"));
  if (text === null) return undefined;
  const at = text.index + text[0].length - 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
  return text[0];
}
