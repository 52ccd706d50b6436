/**
 * Names of the nodes of a tree, and their hashes from those of complete subtrees. Only complete subtrees are ever
 * stored or read: what stands at the right edge changes with every leaf and is made of them.
 *
 * @module
 */

import { assert } from "../assert.ts";
import type { Hash, Hasher } from "../hasher.ts";
import { type ProfileName, profiles } from "./tree-profile.ts";

/**
 * A node of a tree: above the leaves from `index` · 2^`level` up to (`index` + 1) · 2^`level`, of which there are
 * less at the right edge. Leaves are at level 0.
 */
export interface NodeRef {
  readonly level: number;
  readonly index: number;
}

/** Returns the root of a tree that has leaves. */
export function rootRef(size: number, profile: ProfileName): NodeRef {
  assert(Number.isSafeInteger(size) && size >= 1, "only a tree with leaves has a root node");
  // In the seed profile even a single leaf is paired.
  let level = size === 1 && profile === "seed" ? 1 : 0;
  for (let nodes = size; nodes > 1; nodes = Math.ceil(nodes / 2)) level += 1;
  return { level, index: 0 };
}

/** Returns the complete subtrees a node is made of, from the largest, which is the leftmost, to the smallest. */
export function completeParts(ref: NodeRef, size: number): readonly NodeRef[] {
  let rest = leavesOf(ref, size);
  if (rest === 2 ** ref.level) return [ref];
  const parts: NodeRef[] = [];
  let { level, index } = ref;
  while (rest > 0) {
    level -= 1;
    index *= 2;
    if (rest < 2 ** level) continue;
    parts.push({ level, index });
    rest -= 2 ** level;
    index += 1;
  }
  return parts;
}

/**
 * Returns the hash of a node from the hashes of its completeParts(). On the way up, a node without a sibling is
 * promoted in the rfc6962 profile and paired with itself in the seed profile, up to the level of `ref`.
 */
export function nodeHash(
  ref: NodeRef,
  size: number,
  parts: readonly Hash[],
  profile: ProfileName,
  hasher: Hasher,
): Hash {
  const { node, odd } = profiles[profile];
  let rest = leavesOf(ref, size);
  let next = parts.length;
  let hash: Hash | undefined;
  // Every 1-bit of the number of leaves is a part; the smallest is the last.
  for (let level = 0; level < ref.level; level += 1) {
    if (rest % 2 === 1) {
      next -= 1;
      const part = parts[next];
      assert(part !== undefined, "a node has the hashes of all its parts");
      hash = hash === undefined ? odd(part, hasher) : node(part, hash, hasher);
    } else if (hash !== undefined) hash = odd(hash, hasher);
    rest = Math.floor(rest / 2);
  }
  if (rest === 1) {
    next -= 1;
    hash = parts[next];
  }
  assert(next === 0 && hash !== undefined, "a node has the hashes of its parts and no more");
  return hash;
}

/** Returns the siblings of a node and of all nodes above it, from its own upwards; where there is none, nothing. */
export function siblingsAbove(ref: NodeRef, size: number): NodeRef[] {
  const siblings: NodeRef[] = [];
  let { level, index } = ref;
  for (let last = Math.floor((size - 1) / 2 ** level); last > 0; last = Math.floor(last / 2)) {
    const sibling = siblingIndex(index);
    if (sibling <= last) siblings.push({ level, index: sibling });
    index = Math.floor(index / 2);
    level += 1;
  }
  return siblings;
}

/** Returns where the sibling of a node is, whether or not the tree has it. */
export function siblingIndex(index: number): number {
  return index % 2 === 0 ? index + 1 : index - 1;
}

function leavesOf({ level, index }: NodeRef, size: number): number {
  assert(Number.isSafeInteger(size) && size >= 1, "the size of a tree with nodes is a whole number");
  const first = index * 2 ** level;
  assert(level >= 0 && index >= 0 && first < size, "a node of a tree has leaves");
  return Math.min(2 ** level, size - first);
}
