/**
 * The two tree shapes of the ledger. They differ in how nodes are hashed and in what becomes of a
 * node without a sibling; everything else is one code.
 *
 * @module
 */

import type { Hash, SingleHasher } from "../hasher.ts";

export type ProfileName = "rfc6962" | "seed";

export interface TreeProfile {
  readonly name: ProfileName;
  /** Returns the hash of an inner node. */
  readonly node: (left: Hash, right: Hash, hasher: SingleHasher) => Hash;
  /** Returns what stands above the last node of a level if it has no sibling. */
  readonly odd: (last: Hash, hasher: SingleHasher) => Hash;
}

/** The log's tree. [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) */
export const rfc6962: TreeProfile = { name: "rfc6962", node: prefixedNode, odd: (last) => last };

/**
 * The tree of the first implementation: a node without a sibling is paired with itself, even a
 * single leaf. Trees of different sizes can have the same root, so a root counts only with its size.
 */
export const seed: TreeProfile = {
  name: "seed",
  node: plainNode,
  odd: (last, hasher) => plainNode(last, last, hasher),
};

export const profiles: Readonly<Record<ProfileName, TreeProfile>> = { rfc6962, seed };

/** Returns the root of a tree without leaves, in either profile. */
export function emptyRoot(hasher: SingleHasher): Hash {
  return hasher.sha256(new Uint8Array(0));
}

const prefixed = new Uint8Array(65);
prefixed[0] = 1;
const plain = new Uint8Array(64);

function prefixedNode(left: Hash, right: Hash, hasher: SingleHasher): Hash {
  prefixed.set(left, 1);
  prefixed.set(right, 33);
  return hasher.sha256(prefixed);
}

function plainNode(left: Hash, right: Hash, hasher: SingleHasher): Hash {
  plain.set(left, 0);
  plain.set(right, 32);
  return hasher.sha256(plain);
}
