import { assert } from "../assert.ts";
import type { Hash, Hasher } from "../hasher.ts";
import { emptyRoot, type TreeProfile } from "./tree-profile.ts";

/**
 * The root of a tree whose leaves come one after the other. Holds one hash per level; a leaf costs
 * one node hash on average, a root two per level at most.
 */
export class RootAccumulator {
  readonly #profile: TreeProfile;
  readonly #hasher: Hasher;
  /** By level: the last complete subtree, which counts only if that bit of the size is set. */
  readonly #subtrees: Hash[] = [];
  #size = 0;

  constructor(profile: TreeProfile, hasher: Hasher) {
    this.#profile = profile;
    this.#hasher = hasher;
  }

  /** How many leaves there are. */
  get size(): number {
    return this.#size;
  }

  push(leaf: Hash): void {
    assert(this.#size < Number.MAX_SAFE_INTEGER, "the number of leaves is a safe integer");
    let node = leaf;
    let level = 0;
    // Every trailing 1-bit of the old size is a subtree that this leaf completes a pair with.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      node = this.#profile.node(this.#subtree(level), node, this.#hasher);
      level += 1;
    }
    this.#subtrees[level] = node;
    this.#size += 1;
  }

  /** Returns the root of the leaves so far; more may follow. */
  root(): Hash {
    if (this.#size === 0) return emptyRoot(this.#hasher);
    // The last node of the level if it is not a complete subtree.
    let partial: Hash | undefined;
    let complete = this.#size;
    for (let level = 0; ; level += 1) {
      const odd = complete % 2 === 1;
      // Leaves are paired even if there is only one, so the root is at level 1 or above.
      if (level > 0 && complete + (partial === undefined ? 0 : 1) === 1)
        return partial ?? this.#subtree(level);
      if (partial !== undefined && odd)
        partial = this.#profile.node(this.#subtree(level), partial, this.#hasher);
      else if (partial !== undefined) partial = this.#profile.odd(partial, this.#hasher);
      else if (odd) partial = this.#profile.odd(this.#subtree(level), this.#hasher);
      complete = Math.floor(complete / 2);
    }
  }

  #subtree(level: number): Hash {
    const subtree = this.#subtrees[level];
    assert(subtree !== undefined, "a 1-bit of the size has its subtree");
    return subtree;
  }
}
