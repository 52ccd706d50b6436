/**
 * The frontier of an append-only tree: the roots of the perfect subtrees that cover its leaves, largest
 * first. It is all that is needed to append leaves and to know the next root.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { type Hash, hashBytes, type Hasher } from "../hasher.ts";
import { profiles, type ProfileName } from "./tree-profile.ts";

export interface Frontier {
  /** Leaves so far. Its 1-bits say which subtrees there are. */
  readonly size: number;
  /** One root per 1-bit of `size`, packed, largest subtree first. */
  readonly subtrees: Uint8Array;
}

export const emptyFrontier: Frontier = { size: 0, subtrees: new Uint8Array(0) };

/** Returns the root of the tree whose frontier this is. Cost: at most one node per level. */
export function frontierRoot(frontier: Frontier, profileName: ProfileName, hasher: Hasher): Hash {
  const { size, subtrees } = frontier;
  assert(subtrees.length === hashBytes * oneBits(size), "a frontier has one subtree per 1-bit of its size");
  const profile = profiles[profileName];
  if (size === 0) return hasher.sha256(subtrees);
  let next = subtrees.length;
  // The last node of the level, if it is not a complete subtree.
  let partial: Hash | undefined;
  let complete = size;
  for (let level = 0; ; level += 1) {
    const isOdd = complete % 2 === 1;
    // Leaves are paired even if there is only one, so the root is at level 1 or above.
    if (level > 0 && complete + (partial === undefined ? 0 : 1) === 1)
      return partial ?? subtrees.slice(next - hashBytes, next);
    if (isOdd) {
      next -= hashBytes;
      const last = subtrees.slice(next, next + hashBytes);
      partial = partial === undefined ? profile.odd(last, hasher) : profile.node(last, partial, hasher);
    } else if (partial !== undefined) partial = profile.odd(partial, hasher);
    complete = Math.floor(complete / 2);
  }
}

/** Returns how many 1-bits a whole number has. */
export function oneBits(value: number): number {
  let bits = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}
