/** Between four rows of sixteen words and sixteen vectors that hold the same word of each row. */

import { swapBytes } from "./inline/lanes";

/** Interleaves four blocks of a message, whose words are big-endian. */
export function interleaveBlocks(row0: usize, row1: usize, row2: usize, row3: usize, to: usize): void {
  const end = row0 + 64;
  for (; row0 < end; row0 += 16, row1 += 16, row2 += 16, row3 += 16, to += 64)
    transpose(
      swapBytes(v128.load(row0)),
      swapBytes(v128.load(row1)),
      swapBytes(v128.load(row2)),
      swapBytes(v128.load(row3)),
      to,
      16,
    );
}

/** Interleaves four rows of 64 words. */
export function interleaveSums(row0: usize, row1: usize, row2: usize, row3: usize, to: usize): void {
  const end = row0 + 256;
  for (; row0 < end; row0 += 16, row1 += 16, row2 += 16, row3 += 16, to += 64)
    transpose(v128.load(row0), v128.load(row1), v128.load(row2), v128.load(row3), to, 16);
}

/** Writes the digests of four states. */
export function separateDigests(state: usize, to: usize): void {
  for (let half: usize = 0; half < 32; half += 16, state += 64)
    transpose(
      swapBytes(v128.load(state)),
      swapBytes(v128.load(state, 16)),
      swapBytes(v128.load(state, 32)),
      swapBytes(v128.load(state, 48)),
      to + half,
      32,
    );
}

function transpose(row0: v128, row1: v128, row2: v128, row3: v128, to: usize, step: usize): void {
  const low01 = i32x4.shuffle(row0, row1, 0, 4, 1, 5);
  const low23 = i32x4.shuffle(row2, row3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(row0, row1, 2, 6, 3, 7);
  const high23 = i32x4.shuffle(row2, row3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
  v128.store(to + step, i64x2.shuffle(low01, low23, 1, 3));
  v128.store(to + 2 * step, i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + 3 * step, i64x2.shuffle(high01, high23, 1, 3));
}
