/** Returns a number of entries in words: `1 entry`, `2 entries`. */
export function entriesText(count: number | bigint): string {
  return `${count} ${BigInt(count) === 1n ? "entry" : "entries"}`;
}
