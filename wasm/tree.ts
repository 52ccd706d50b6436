/** Whole trees over the hashes in the input. */

import { frontier, hashBytes, input, output } from "./memory";
import { parents, Profile } from "./nodes";

/** Writes the parents of the first `2 * count` hashes of the input to the output. */
export function level(count: i32, profile: Profile): void {
  parents(input, output, count, profile);
}

/** Writes all complete nodes above the first `count` hashes of the input to the output, level by level. */
export function pyramid(count: i32, profile: Profile): void {
  let from = input;
  let to = output;
  for (count >>= 1; count > 0; count >>= 1) {
    parents(from, to, count, profile);
    from = to;
    to += count * hashBytes;
  }
}

/**
 * Moves the frontier of a tree of `size` leaves, given in two halves, past the first `count` hashes of the input,
 * which are lost.
 */
export function extend(sizeLow: u32, sizeHigh: u32, count: i32, profile: Profile): void {
  let subtree = frontier;
  for (
    let size = ((<u64>sizeHigh) << 32) | (<u64>sizeLow);
    count > 0;
    size >>= 1, count >>= 1, subtree += hashBytes
  ) {
    let first = input;
    if (size & 1) {
      // The level has a node that waits for its sibling: the first of the new ones.
      first -= hashBytes;
      count += 1;
      memory.copy(first, subtree, hashBytes);
    }
    if (count & 1) memory.copy(subtree, first + (count - 1) * hashBytes, hashBytes);
    parents(first, input, count >> 1, profile);
  }
}
