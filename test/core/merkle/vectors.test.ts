/**
 * Numbers from outside: Certificate Transparency, the worked example, the first implementation.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";

import { assert } from "../../../src/core/assert.ts";
import type { Hash } from "../../../src/core/hasher.ts";
import { hex, unhex } from "../../../src/core/hex.ts";
import { consistencyPath, verifyConsistency } from "../../../src/core/merkle/consistency-proof.ts";
import { emptyFrontier, frontierRoot } from "../../../src/core/merkle/frontier.ts";
import { inclusionPath, verifyInclusion } from "../../../src/core/merkle/inclusion-proof.ts";
import { completeParts, type NodeRef, nodeHash, rootRef } from "../../../src/core/merkle/node-ref.ts";
import type { ProfileName } from "../../../src/core/merkle/tree-profile.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import entryVectors from "../../vectors/entry-v1.json";
import firstMerkle from "../../vectors/first-implementation/merkle.json";
import { numberedLeaves, sha256 } from "./naive-tree.ts";

const hasher = await loadHasher();

/** Test data of [transparency-dev/merkle](https://github.com/transparency-dev/merkle/tree/main/testonly). */
describe("Certificate Transparency", () => {
  const inputs = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ];
  const leaves = inputs.map((input) => sha256(new Uint8Array([0]), bytesOf(input)));
  const roots = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];
  const h01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
  const h03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
  const h23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
  const h45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
  const h47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
  const h67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
  const h0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
  const h1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
  const h4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";

  test("frontierRoot() gives the published root after each leaf", () => {
    expect(rootsOfPrefixes(leaves, "rfc6962")).toEqual(roots);
  });

  test.each([
    [0, 1, []],
    [0, 2, [h1]],
    [1, 2, [h0]],
    [2, 3, [h01]],
    [1, 5, [h0, h23, h4]],
    [0, 8, [h1, h23, h47]],
    [5, 8, [h4, h67, h03]],
  ])(
    "inclusionPath() and verifyInclusion() give the published proof of leaf %d in %d",
    (index, size, hashes) => {
      const path = inclusionPath(index, size, "rfc6962");
      expect(path.map((ref) => hex(hashOf(ref, leaves.slice(0, size), "rfc6962")))).toEqual(hashes);
      const proof = {
        index,
        size,
        leaf: at(leaves, index),
        root: bytesOf(at(roots, size)),
        hashes: hashes.map(bytesOf),
      };
      expect(verifyInclusion(proof, "rfc6962", hasher)).toBe(true);
    },
  );

  test.each([
    [1, 1, []],
    [1, 8, [h1, h23, h47]],
    [2, 5, [h23, h4]],
    [6, 8, [h45, h67, h03]],
  ])(
    "consistencyPath() and verifyConsistency() give the published proof from %d to %d",
    (first, second, hashes) => {
      const path = consistencyPath(first, second);
      expect(path.map((ref) => hex(hashOf(ref, leaves.slice(0, second), "rfc6962")))).toEqual(hashes);
      const proof = {
        first: { size: first, root: bytesOf(at(roots, first)) },
        second: { size: second, root: bytesOf(at(roots, second)) },
        hashes: hashes.map(bytesOf),
      };
      expect(verifyConsistency(proof, hasher)).toBe(true);
    },
  );
});

describe("the worked example", () => {
  const contentHashes = entryVectors.entries.map((entry) => bytesOf(entry.content_hash));
  const legacyHashes = entryVectors.entries.map((entry) => bytesOf(entry.legacy_hash));
  const { inclusion, consistency, roots } = entryVectors.rfc6962;

  test("has these roots, inclusion and consistency proofs in the rfc6962 profile", () => {
    expect(rootsOfPrefixes(contentHashes, "rfc6962")).toEqual(roots);
    const { size } = inclusion;
    const paths = contentHashes.map((_, index) =>
      inclusionPath(index, size, "rfc6962").map((ref) => hex(hashOf(ref, contentHashes, "rfc6962"))),
    );
    expect(paths).toEqual(inclusion.paths);
    const root = bytesOf(at(roots, size));
    for (const [index, leaf] of contentHashes.entries()) {
      const hashes = at(inclusion.paths, index).map(bytesOf);
      expect(verifyInclusion({ index, size, root, leaf, hashes }, "rfc6962", hasher)).toBe(true);
    }
    for (const [first, expected] of [
      [1, consistency["1_3"]],
      [2, consistency["2_3"]],
    ] as const) {
      const path = consistencyPath(first, 3);
      expect(path.map((ref) => hex(hashOf(ref, contentHashes, "rfc6962")))).toEqual(expected);
      const proof = {
        first: { size: first, root: bytesOf(at(roots, first)) },
        second: { size: 3, root },
        hashes: expected.map(bytesOf),
      };
      expect(verifyConsistency(proof, hasher)).toBe(true);
    }
  });

  test.each([
    ["content hashes", contentHashes, entryVectors.seed_over_content_hash],
    ["legacy hashes", legacyHashes, entryVectors.seed_over_legacy_hash],
  ])("has these roots and inclusion proofs in the seed profile over %s", (_, leaves, expected) => {
    expect(rootsOfPrefixes(leaves, "seed")).toEqual(expected.roots);
    expect(rootsOfPrefixes([...leaves, at(leaves, 2)], "seed").at(-1)).toBe(expected.root_of_a_b_c_c);
    const proofs = leaves.map((_, index) => sidedProof(index, leaves, "seed"));
    expect(proofs.map((steps) => steps.map(({ side, hash }) => [side, hash]))).toEqual(expected.proofs);
    for (const [index, leaf] of leaves.entries()) {
      const hashes = at(expected.proofs, index).map(([, hash]) => bytesOf(hash ?? ""));
      const proof = { index, size: 3, root: bytesOf(at(expected.roots, 3)), leaf, hashes };
      expect(verifyInclusion(proof, "seed", hasher)).toBe(true);
    }
  });
});

describe("the first implementation", () => {
  test.each(firstMerkle.trees)("has these root and proofs of $n leaves", ({ n, root, proofs }) => {
    const leaves = numberedLeaves(n);
    expect(rootsOfPrefixes(leaves, "seed").at(-1)).toBe(root);
    for (const { index, proof } of proofs) {
      expect(sidedProof(index, leaves, "seed")).toEqual(proof);
      const hashes = proof.map(({ hash }) => bytesOf(hash));
      expect(
        verifyInclusion(
          { index, size: n, root: bytesOf(root), leaf: at(leaves, index), hashes },
          "seed",
          hasher,
        ),
      ).toBe(true);
    }
  });

  test.each(firstMerkle.invalid_index)("has no proof of leaf $index of $n, nor have we", ({ n, index }) => {
    expect(() => inclusionPath(index, n, "seed")).toThrow("assertion failed");
    const [leaf] = numberedLeaves(1);
    assert(leaf !== undefined, "there is a leaf");
    const proof = {
      index,
      size: n,
      root: bytesOf(rootsOfPrefixes([leaf], "seed").at(-1)),
      leaf,
      hashes: [leaf],
    };
    expect(verifyInclusion(proof, "seed", hasher)).toBe(false);
  });

  test("hashes two nodes to this parent", () => {
    const { left, right, result } = firstMerkle.combine;
    expect(hex(hasher.parents(bytesOf(left + right), "seed"))).toBe(result);
  });

  /** What it answers for a proof that names sides, and what we answer for the same hashes with an index and a size. */
  test.each([
    ["valid n=8 i=0", 0, 8, true],
    ["bit flip in first sibling", 0, 8, false],
    ["wrong root", 0, 8, false],
    ["proof truncated by one", 0, 8, false],
    // It accepts a node as a leaf, because nothing says how long a path is. In a tree of 8 a path has three hashes.
    ["DEFECT second preimage: inner node presented as leaf", 0, 8, false],
    // The tree of one leaf is right; it also takes the same proof for a tree in which that leaf is there twice.
    ["DEFECT n=1 leaf proves against its own self-duplicated root", 0, 1, true],
    ["DEFECT n=1 leaf proves against its own self-duplicated root", 0, 2, false],
    ["DEFECT n=1 leaf proves against its own self-duplicated root", 1, 2, false],
  ])("verify case %s as leaf %d of %d: %p", (name, index, size, expected) => {
    const vector = firstMerkle.verify.find((each) => each.name === name);
    assert(vector !== undefined, "the vectors have this case");
    const hashes = vector.proof.map(({ hash }) => bytesOf(hash));
    const proof = { index, size, root: bytesOf(vector.root), leaf: bytesOf(vector.leaf), hashes };
    expect(verifyInclusion(proof, "seed", hasher)).toBe(expected);
    expect(vector.result).toBe(expected || name.startsWith("DEFECT"));
  });

  test("has no verify case that is not here", () => {
    expect(firstMerkle.verify.map(({ name }) => name)).toHaveLength(6);
  });

  test.each(firstMerkle.root_collisions)(
    "cannot tell $name apart by the root, but a proof says its size",
    (vector) => {
      const [a, b] = [vector.a.map(bytesOf), vector.b.map(bytesOf)];
      expect([a, b].map((leaves) => rootsOfPrefixes(leaves, "seed").at(-1))).toEqual([
        vector.root_a,
        vector.root_b,
      ]);
      expect(vector.root_a).toBe(vector.root_b);
      const root = bytesOf(vector.root_a);
      const proofIn = (leaves: readonly Hash[], index: number) => ({
        root,
        leaf: at(leaves, index),
        hashes: sidedProof(index, leaves, "seed").map(({ hash }) => bytesOf(hash)),
      });
      const last = a.length - 1;
      const right = { ...proofIn(a, last), index: last, size: a.length };
      expect(verifyInclusion(right, "seed", hasher)).toBe(true);
      // A doubled last leaf: the same hashes fit a tree with one leaf more, and the copy has a proof of its own.
      expect(verifyInclusion({ ...right, size: b.length }, "seed", hasher)).toBe(false);
      for (const index of [last, last + 1])
        for (const size of [a.length, b.length])
          expect(verifyInclusion({ ...proofIn(b, index), index, size }, "seed", hasher)).toBe(
            // Its first leaf, in the tree that has it once, is the proof that is right.
            index === last && size === a.length,
          );
    },
  );
});

function rootsOfPrefixes(leaves: readonly Hash[], profile: ProfileName): string[] {
  let frontier = emptyFrontier;
  const roots = [hex(frontierRoot(frontier, profile, hasher))];
  for (const leaf of leaves) {
    frontier = hasher.extend(frontier, leaf, profile);
    roots.push(hex(frontierRoot(frontier, profile, hasher)));
  }
  return roots;
}

/** Returns the hash of a node of the tree of exactly these leaves. */
function hashOf(ref: NodeRef, leaves: readonly Hash[], profile: ProfileName): Hash {
  const parts = completeParts(ref, leaves.length).map(({ level, index }) => {
    let nodes = new Uint8Array(Buffer.concat(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)));
    for (let above = 0; above < level; above += 1) nodes = new Uint8Array(hasher.parents(nodes, profile));
    return nodes;
  });
  return nodeHash(ref, leaves.length, parts, profile, hasher);
}

function sidedProof(index: number, leaves: readonly Hash[], profile: ProfileName) {
  expect(hex(hashOf(rootRef(leaves.length, profile), leaves, profile))).toBe(
    rootsOfPrefixes(leaves, profile).at(-1) ?? "",
  );
  return inclusionPath(index, leaves.length, profile).map((ref) => ({
    side: ref.index < Math.floor(index / 2 ** ref.level) ? "left" : "right",
    hash: hex(hashOf(ref, leaves, profile)),
  }));
}

function bytesOf(digits: string | undefined): Uint8Array {
  const bytes = unhex(digits ?? "");
  assert(bytes !== undefined, "the vectors are hexadecimal digits");
  return bytes;
}

function at<T>(list: readonly T[], index: number): T {
  const element = list[index];
  assert(element !== undefined, "the list is long enough");
  return element;
}
