/**
 * Proofs that a tree only grew. They are for the rfc6962 profile: a tree of the seed profile is rewritten at its edge.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { type Hash, hashBytes, type Hasher } from "../hasher.ts";
import { sameBytes } from "../snapshot/same-bytes.ts";
import { type NodeRef, siblingsAbove } from "./node-ref.ts";
import { emptyRoot, rfc6962 } from "./tree-profile.ts";

/** Says that the first leaves of the second tree are those of the first tree. */
export interface ConsistencyProof {
  readonly first: { readonly size: number; readonly root: Hash };
  readonly second: { readonly size: number; readonly root: Hash };
  /** Of the nodes of consistencyPath(). */
  readonly hashes: readonly Hash[];
}

/**
 * Returns the nodes of the tree of `second` leaves whose hashes prove that it begins with the tree of `first` leaves.
 * There are none if the sizes are equal. Every tree begins with the tree of no leaves, which RFC 6962 leaves open:
 * that needs no hashes either.
 * [RFC 6962, section 2.1.2](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2)
 */
export function consistencyPath(first: number, second: number): readonly NodeRef[] {
  assert(isSize(first) && isSize(second) && first <= second, "a tree that grew is not smaller than before");
  if (first === 0 || first === second) return [];
  const last = lastComplete(first);
  const path = siblingsAbove(last, second);
  // If it is all of the first tree, its hash is the first root, which the verifier has.
  return last.index === 0 ? path : [last, ...path];
}

/** Tells whether a proof is right; whatever is wrong with it, the answer is false. Trees of no leaves have the empty root. */
export function verifyConsistency(proof: ConsistencyProof, hasher: Hasher): boolean {
  const { first, second, hashes } = proof;
  if (!isSize(first.size) || !isSize(second.size) || first.size > second.size) return false;
  if (first.root.length !== hashBytes || second.root.length !== hashBytes) return false;
  if (first.size === second.size && !sameBytes(first.root, second.root)) return false;
  if (first.size === 0) return hashes.length === 0 && sameBytes(first.root, emptyRoot(hasher));
  if (first.size === second.size) return hashes.length === 0;

  const { level, index } = lastComplete(first.size);
  let used = index === 0 ? 0 : 1;
  const start = index === 0 ? first.root : hashes[0];
  if (start === undefined || start.length !== hashBytes) return false;
  let firstHash = start;
  let secondHash = start;
  let at = index;
  for (let last = Math.floor((second.size - 1) / 2 ** level); last > 0; last = Math.floor(last / 2)) {
    const isRight = at % 2 === 1;
    if (isRight || at < last) {
      const sibling = hashes[used];
      if (sibling === undefined || sibling.length !== hashBytes) return false;
      used += 1;
      // What is to the left is in both trees, what is to the right only in the second.
      if (isRight) firstHash = rfc6962.node(sibling, firstHash, hasher);
      secondHash = isRight
        ? rfc6962.node(sibling, secondHash, hasher)
        : rfc6962.node(secondHash, sibling, hasher);
    }
    at = Math.floor(at / 2);
  }
  return used === hashes.length && sameBytes(firstHash, first.root) && sameBytes(secondHash, second.root);
}

/** Returns the last and smallest of the complete subtrees of a tree. */
function lastComplete(size: number): NodeRef {
  let level = 0;
  let nodes = size;
  for (; nodes % 2 === 0; nodes /= 2) level += 1;
  return { level, index: nodes - 1 };
}

function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}
