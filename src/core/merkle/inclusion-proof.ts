import { assert } from "../assert.ts";
import { type Hash, hashBytes, type Hasher } from "../hasher.ts";
import { sameBytes } from "../snapshot/same-bytes.ts";
import { type NodeRef, siblingIndex, siblingsAbove } from "./node-ref.ts";
import { type ProfileName, profiles } from "./tree-profile.ts";

/** Says that the tree of `size` leaves with this root has `leaf` at `index`. */
export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  readonly root: Hash;
  readonly leaf: Hash;
  /** Of the nodes of inclusionPath(): from the leaf's sibling upwards. */
  readonly hashes: readonly Hash[];
}

/**
 * Returns the nodes whose hashes prove the leaf at `index`, from its sibling upwards. In the rfc6962 profile they are
 * the audit path of [RFC 6962, section 2.1.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1); in the seed profile
 * there is one on each level, and a node without a sibling is its own.
 */
export function inclusionPath(index: number, size: number, profile: ProfileName): readonly NodeRef[] {
  assert(isLeafOf(index, size), "a leaf that can be proved is in the tree");
  if (profile === "rfc6962") return siblingsAbove({ level: 0, index }, size);
  const path: NodeRef[] = [];
  let at = index;
  let last = size - 1;
  do {
    const sibling = siblingIndex(at);
    path.push({ level: path.length, index: sibling <= last ? sibling : at });
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  } while (last > 0);
  return path;
}

/**
 * Tells whether a proof is right; whatever is wrong with it, the answer is false. A root does not say of how many
 * leaves it is, so root and size must come together from one source that is trusted.
 *
 * In the seed profile a node without a sibling must be its own, and no other may equal its sibling: the leaves of a
 * log are all different, because they say their sequence, so this can only be a last leaf that was doubled.
 */
export function verifyInclusion(proof: InclusionProof, profile: ProfileName, hasher: Hasher): boolean {
  const { index, size, root, leaf, hashes } = proof;
  if (!isLeafOf(index, size) || leaf.length !== hashBytes || root.length !== hashBytes) return false;
  const { node } = profiles[profile];
  const pairsAll = profile === "seed";
  let hash = leaf;
  let used = 0;
  let at = index;
  let last = size - 1;
  do {
    const isRight = at % 2 === 1;
    const isAlone = at === last && !isRight;
    if (pairsAll || !isAlone) {
      const sibling = hashes[used];
      if (sibling === undefined || sibling.length !== hashBytes) return false;
      if (pairsAll && sameBytes(sibling, hash) !== isAlone) return false;
      hash = isRight ? node(sibling, hash, hasher) : node(hash, sibling, hasher);
      used += 1;
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  } while (last > 0);
  return used === hashes.length && sameBytes(hash, root);
}

function isLeafOf(index: number, size: number): boolean {
  return Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size;
}
