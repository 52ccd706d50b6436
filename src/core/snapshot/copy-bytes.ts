/** Copies bytes and returns the offset after them. Few are copied one by one, which costs less than a view of them. */
export function copyBytes(
  target: Uint8Array,
  offset: number,
  source: Uint8Array,
  start: number,
  bytes: number,
): number {
  if (bytes > 48) target.set(source.subarray(start, start + bytes), offset);
  else for (let i = 0; i < bytes; i += 1) target[offset + i] = source[start + i] as number;
  return offset + bytes;
}
