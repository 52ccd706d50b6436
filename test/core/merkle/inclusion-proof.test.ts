import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import type { Hash } from "../../../src/core/hasher.ts";
import { hex } from "../../../src/core/hex.ts";
import {
  type InclusionProof,
  inclusionPath,
  verifyInclusion,
} from "../../../src/core/merkle/inclusion-proof.ts";
import { completeParts, nodeHash, rootRef } from "../../../src/core/merkle/node-ref.ts";
import type { ProfileName } from "../../../src/core/merkle/tree-profile.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { LargeTree, packedLeaves } from "./large-tree.ts";
import { flippedBits, otherHashLists, otherSizes } from "./mutations.ts";
import { type NaiveTree, naiveTree, numberedLeaves } from "./naive-tree.ts";

const hasher = await loadHasher();
const leaves = numberedLeaves(400);

describe.each<ProfileName>(["rfc6962", "seed"])("a proof in the %s profile", (profile) => {
  const naive = naiveTree(profile, leaves);
  const verify = (proof: InclusionProof): boolean => verifyInclusion(proof, profile, hasher);
  const sample = [1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 16, 33, 100].flatMap((size) =>
    [...new Set([0, 1, size >> 1, size - 2, size - 1])]
      .filter((index) => index >= 0 && index < size)
      .map((index) => proofOf(naive, index, size)),
  );

  test("is the naive one, and right, for every leaf of every tree of up to 300 leaves", () => {
    for (let size = 1; size <= 300; size += 1)
      for (let index = 0; index < size; index += 1) {
        const expected = proofOf(naive, index, size);
        const hashes = inclusionPath(index, size, profile).map((ref) =>
          nodeHash(
            ref,
            size,
            completeParts(ref, size).map((part) => naive.node(part, size)),
            profile,
            hasher,
          ),
        );
        if (Buffer.compare(Buffer.concat(hashes), Buffer.concat(expected.hashes)) !== 0 || !verify(expected))
          expect(`proof of leaf ${index} in ${size}`).toBe("right");
      }
  });

  test("is right in larger trees, and for no other leaf", () => {
    const tree = new LargeTree(packedLeaves(100_000), profile, hasher);
    fc.assert(
      fc.property(fc.integer({ min: 301, max: 100_000 }), fc.nat(), fc.nat(), (size, anyIndex, anyOther) => {
        const index = anyIndex % size;
        const hashes = inclusionPath(index, size, profile).map((ref) => tree.node(ref, size));
        const root = tree.node(rootRef(size, profile), size);
        const proof = { index, size, root, leaf: tree.complete({ level: 0, index }), hashes };
        const other = anyOther % size;
        expect(verify(proof)).toBe(true);
        expect(verify({ ...proof, index: other })).toBe(other === index);
        expect(verify({ ...proof, leaf: tree.complete({ level: 0, index: other }) })).toBe(other === index);
      }),
      { numRuns: 300 },
    );
  });

  test("is wrong with any bit of its hashes, leaf or root flipped", () => {
    for (const proof of sample) {
      expect(flippedBits(proof.leaf).filter((leaf) => verify({ ...proof, leaf }))).toEqual([]);
      expect(flippedBits(proof.root).filter((root) => verify({ ...proof, root }))).toEqual([]);
      for (const [at, hash] of proof.hashes.entries())
        expect(
          flippedBits(hash).filter((flipped) => verify({ ...proof, hashes: proof.hashes.with(at, flipped) })),
        ).toEqual([]);
    }
  });

  test("is wrong with a hash dropped, added, swapped, cut or extended", () => {
    for (const proof of sample)
      for (const hashes of otherHashLists(proof.hashes, [proof.leaf, proof.root]))
        expect(verify({ ...proof, hashes })).toBe(false);
  });

  test("is wrong with a leaf or root of another length", () => {
    for (const proof of sample)
      for (const bytes of [0, 31, 33, 64]) {
        expect(verify({ ...proof, leaf: resized(proof.leaf, bytes) })).toBe(false);
        expect(verify({ ...proof, root: resized(proof.root, bytes) })).toBe(false);
      }
  });

  test("is wrong for every other index", () => {
    for (const proof of sample)
      for (let index = 0; index < proof.size; index += 1)
        expect(verify({ ...proof, index })).toBe(index === proof.index);
  });

  test("is wrong for every other size, unless its path has the same shape there", () => {
    for (const proof of sample) {
      const shape = shapeOf(naive, proof.index, proof.size);
      for (let size = proof.index + 1; size <= 300; size += 1)
        expect(verify({ ...proof, size })).toBe(shapeOf(naive, proof.index, size) === shape);
    }
  });

  test("is wrong for an index or size that no tree has", () => {
    for (const proof of sample) {
      for (const index of [...otherSizes, proof.size, proof.size + 1, 2 ** 32 + proof.index])
        expect(verify({ ...proof, index })).toBe(false);
      for (const size of [...otherSizes, 0, proof.index]) expect(verify({ ...proof, size })).toBe(false);
    }
  });

  test("is wrong as one of the other profile", () => {
    for (const proof of sample)
      expect(verifyInclusion(proof, profile === "seed" ? "rfc6962" : "seed", hasher)).toBe(false);
  });

  test("of an inner node instead of a leaf is wrong", () => {
    for (let size = 2; size <= 64; size += 1)
      for (const index of [0, size - 1]) {
        const { hashes, ...proof } = proofOf(naive, index, size);
        const above = naive.node({ level: 1, index: index >> 1 }, size);
        expect(verify({ ...proof, leaf: above, hashes: hashes.slice(1) })).toBe(false);
      }
  });

  test("works at the largest size there can be", () => {
    const size = Number.MAX_SAFE_INTEGER;
    for (const index of [0, 2 ** 52, size - 1]) {
      const path = inclusionPath(index, size, profile);
      const leaf = leaves[0] ?? new Uint8Array(32);
      let root = leaf;
      const hashes: Hash[] = [];
      for (const { level, index: sibling } of path) {
        const own = Math.floor(index / 2 ** level);
        const hash = sibling === own ? root : hasher.sha256(new Uint8Array([level]));
        hashes.push(hash);
        root = hasher.parents(Buffer.concat(sibling < own ? [hash, root] : [root, hash]), profile);
      }
      expect(verify({ index, size, root, leaf, hashes })).toBe(true);
      expect(verify({ index: index === 0 ? 1 : index - 1, size, root, leaf, hashes })).toBe(false);
    }
  });

  test.each([
    [0, 0],
    [3, 3],
    [-1, 3],
    [0.5, 3],
    [0, 2 ** 53],
  ])("cannot be asked for leaf %d of %d", (index, size) => {
    expect(() => inclusionPath(index, size, profile)).toThrow("assertion failed");
  });
});

describe("a proof in the seed profile of a tree whose last leaf was doubled", () => {
  const [a, b, c] = numberedLeaves(3) as [Hash, Hash, Hash];
  const doubled = naiveTree("seed", [a, b, c, c]);
  const root = doubled.root(4);

  test("has the root of the tree that was not, which says nothing of the size", () => {
    expect(hex(root)).toBe(hex(naiveTree("seed", [a, b, c]).root(3)));
  });

  test.each([
    [2, 4],
    [3, 4],
    [3, 3],
  ])("is wrong for leaf %d of %d", (index, size) => {
    const hashes = doubled.inclusion(index, 4).map(({ hash }) => hash);
    expect(verifyInclusion({ index, size, root, leaf: c, hashes }, "seed", hasher)).toBe(false);
  });

  test("is wrong where not the last leaf but its subtree was doubled", () => {
    const six = naiveTree("seed", leaves.slice(0, 6));
    const eight = naiveTree("seed", [...leaves.slice(0, 6), ...leaves.slice(4, 6)]);
    expect(hex(six.root(6))).toBe(hex(eight.root(8)));
    for (const index of [4, 5, 6, 7])
      expect(verifyInclusion(proofOf(eight, index, 8), "seed", hasher)).toBe(false);
    expect(verifyInclusion(proofOf(six, 5, 6), "seed", hasher)).toBe(true);
  });
});

function proofOf(tree: NaiveTree, index: number, size: number): InclusionProof {
  return {
    index,
    size,
    root: tree.root(size),
    leaf: tree.node({ level: 0, index }, size),
    hashes: tree.inclusion(index, size).map(({ hash }) => hash),
  };
}

function shapeOf(tree: NaiveTree, index: number, size: number): string {
  return tree
    .inclusion(index, size)
    .map(({ side, isItself }) => (isItself ? "itself" : side))
    .join();
}

function resized(hash: Hash, bytes: number): Uint8Array {
  const other = new Uint8Array(bytes);
  other.set(hash.subarray(0, bytes));
  return other;
}
