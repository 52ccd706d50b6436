import { escapeText } from "./escape.ts";

/** Returns one finding of a verification: what it is about, `damaged`, the sequence or - if it is no single entry, and what does not match. */
export function damageLine(name: string, sequence: number | bigint, detail: string): string {
  const place = BigInt(sequence) === 0n ? "-" : `${sequence}`;
  return `${[escapeText(name), "damaged", place, escapeText(detail)].join("\t")}\n`;
}
