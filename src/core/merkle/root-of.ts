import type { Hash, Hasher } from "../hasher.ts";
import { emptyRoot, type TreeProfile } from "./tree-profile.ts";

/**
 * Returns the root of a tree over `leaves`: pairs become nodes, level by level, until one is left.
 * This is the definition; a frontier gives the same without holding the leaves.
 */
export function rootOf(leaves: readonly Hash[], profile: TreeProfile, hasher: Hasher): Hash {
  const level: Hash[] = [];
  for (let i = 0; i < leaves.length; i += 2) {
    const [left, right] = leaves.slice(i, i + 2) as [Hash, Hash?];
    level.push(right === undefined ? profile.odd(left, hasher) : profile.node(left, right, hasher));
  }
  const [root, ...others] = level;
  if (root === undefined) return emptyRoot(hasher);
  return others.length === 0 ? root : rootOf(level, profile, hasher);
}
