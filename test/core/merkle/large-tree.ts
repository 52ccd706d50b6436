import { assert } from "../../../src/core/assert.ts";
import { type Hash, hashBytes, type Hasher } from "../../../src/core/hasher.ts";
import { completeParts, type NodeRef, nodeHash } from "../../../src/core/merkle/node-ref.ts";
import type { ProfileName } from "../../../src/core/merkle/tree-profile.ts";

/** All complete nodes of a tree, as a ledger would store them. */
export class LargeTree {
  readonly #levels: Uint8Array[];
  readonly #profile: ProfileName;
  readonly #hasher: Hasher;

  constructor(leaves: Uint8Array, profile: ProfileName, hasher: Hasher) {
    this.#profile = profile;
    this.#hasher = hasher;
    this.#levels = [leaves];
    for (let level = leaves; level.length > hashBytes; this.#levels.push(level))
      level = hasher.parents(level, profile);
  }

  /** Returns the hash of a node of the tree of the first `size` leaves. */
  node(ref: NodeRef, size: number): Hash {
    const parts = completeParts(ref, size).map((part) => this.complete(part));
    return nodeHash(ref, size, parts, this.#profile, this.#hasher);
  }

  complete({ level, index }: NodeRef): Hash {
    return this.run({ level, first: index, count: 1 }).slice();
  }

  /** Returns packed neighbours, valid until something changes. */
  run({ level, first, count }: { level: number; first: number; count: number }): Uint8Array {
    const hashes = this.#levels[level]?.subarray(hashBytes * first, hashBytes * (first + count));
    assert(hashes?.length === hashBytes * count, "these nodes are complete");
    return hashes;
  }

  /** Replaces a leaf and all nodes above it. */
  change(index: number, leaf: Hash): void {
    let hash = leaf;
    let at = index;
    for (const [height, level] of this.#levels.entries()) {
      if (hashBytes * at >= level.length) return;
      level.set(hash, hashBytes * at);
      at = Math.floor(at / 2);
      const pair = level.subarray(hashBytes * 2 * at, hashBytes * 2 * (at + 1));
      if (pair.length < 2 * hashBytes || height + 1 === this.#levels.length) return;
      hash = this.#hasher.parents(pair, this.#profile);
    }
  }
}

/** Returns packed hashes that are all different and the same every time. */
export function packedLeaves(count: number): Uint8Array {
  const words = new Uint32Array(8 * count);
  let state = 0x9e37_79b9;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  for (let i = 0; i < count; i += 1) words[8 * i] = i;
  return new Uint8Array(words.buffer);
}
