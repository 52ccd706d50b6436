import { describe, expect, test } from "bun:test";

import { hex } from "../../../src/core/hex.ts";
import type { Hash } from "../../../src/core/hasher.ts";
import { rootOf } from "../../../src/core/merkle/root-of.ts";
import { rfc6962, seed } from "../../../src/core/merkle/tree-profile.ts";
import { referenceHasher } from "../../hash/reference-hasher.ts";
import entryVectors from "../../vectors/entry-v1.json";
import firstMerkle from "../../vectors/first-implementation/merkle.json";

const sha256 = referenceHasher.sha256;

/** Inputs and roots of Certificate Transparency's test tree, as in transparency-dev/merkle's testonly package. */
const certificateTransparency: [leafInput: string, root: string][] = [
  ["", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
  ["00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
  ["10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
  ["2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
  ["3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"],
  ["40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"],
  ["5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"],
  ["606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"],
];

describe("rootOf() in the rfc6962 profile", () => {
  test("gives the published root after each leaf of the Certificate Transparency tree", () => {
    const leaves = certificateTransparency.map(([input]) => sha256(Buffer.from(`00${input}`, "hex")));
    const roots = leaves.map((_, i) => hex(rootOf(leaves.slice(0, i + 1), rfc6962, referenceHasher)));
    expect(roots).toEqual(certificateTransparency.map(([, root]) => root));
  });

  test("is the recursion of RFC 6962, section 2.1", () => {
    for (const size of [1, 2, 3, 5, 6, 7, 8, 9, 31, 33, 100, 255, 257]) {
      const leaves = numberedLeaves(size);
      expect(hex(rootOf(leaves, rfc6962, referenceHasher))).toBe(hex(mth(leaves)));
    }
  });

  test("gives the roots of the worked example", () => {
    const leaves = entryVectors.entries.map((entry) => unhexed(entry.content_hash));
    const roots = rootsOfPrefixes(leaves, rfc6962);
    expect(roots).toEqual(entryVectors.rfc6962.roots);
  });
});

describe("rootOf() in the seed profile", () => {
  test("gives the roots of the worked example, over content hashes and over legacy leaves", () => {
    const contentHashes = entryVectors.entries.map((entry) => unhexed(entry.content_hash));
    const legacy = entryVectors.entries.map((entry) => unhexed(entry.legacy_hash));
    expect(rootsOfPrefixes(contentHashes, seed)).toEqual(entryVectors.seed_over_content_hash.roots);
    expect(rootsOfPrefixes(legacy, seed)).toEqual(entryVectors.seed_over_legacy_hash.roots);
  });

  test.each(firstMerkle.trees)("gives the first implementation's root of $n leaves", ({ n, root }) => {
    expect(hex(rootOf(numberedLeaves(n), seed, referenceHasher))).toBe(root);
  });

  test("cannot tell a tree from one that repeats its last leaf, so a root needs its size", () => {
    const leaves = entryVectors.entries.map((entry) => unhexed(entry.content_hash));
    const repeated = [...leaves, ...leaves.slice(2)];
    expect(hex(rootOf(repeated, seed, referenceHasher))).toBe(
      entryVectors.seed_over_content_hash.root_of_a_b_c_c,
    );
    expect(hex(rootOf(leaves, seed, referenceHasher))).toBe(
      entryVectors.seed_over_content_hash.root_of_a_b_c_c,
    );
  });
});

function rootsOfPrefixes(leaves: readonly Hash[], profile: typeof seed): string[] {
  return [0, ...leaves.keys().map((i) => i + 1)].map((size) =>
    hex(rootOf(leaves.slice(0, size), profile, referenceHasher)),
  );
}

/** The leaves that the first implementation's vectors are about. */
function numberedLeaves(size: number): Hash[] {
  return Array.from({ length: size }, (_, i) => sha256(new TextEncoder().encode(`leaf-${i}`)));
}

function mth(leaves: readonly Hash[]): Hash {
  const [first] = leaves;
  if (first !== undefined && leaves.length === 1) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.concat([new Uint8Array([1]), mth(leaves.slice(0, split)), mth(leaves.slice(split))]));
}

function unhexed(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
