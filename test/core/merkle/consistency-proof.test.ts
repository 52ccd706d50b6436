import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import type { Hash } from "../../../src/core/hasher.ts";
import {
  type ConsistencyProof,
  consistencyPath,
  verifyConsistency,
} from "../../../src/core/merkle/consistency-proof.ts";
import { completeParts, nodeHash, rootRef } from "../../../src/core/merkle/node-ref.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { LargeTree, packedLeaves } from "./large-tree.ts";
import { flippedBits, otherHashLists, otherSizes } from "./mutations.ts";
import { numberedLeaves, Rfc6962Tree } from "./naive-tree.ts";

const hasher = await loadHasher();
const naive = new Rfc6962Tree(numberedLeaves(400));
const sizes = fc.integer({ min: 1, max: 300 });

const sample = (
  [
    [1, 2],
    [1, 3],
    [2, 3],
    [3, 4],
    [4, 7],
    [5, 8],
    [6, 8],
    [7, 8],
    [7, 13],
    [8, 8],
    [11, 12],
    [16, 33],
    [33, 100],
    [64, 65],
    [99, 100],
  ] as const
).map(([first, second]) => proofOf(first, second));

describe("a consistency proof", () => {
  test("is the naive one, and right, for every pair of sizes up to 130", () => {
    for (let second = 1; second <= 130; second += 1)
      for (let first = 1; first <= second; first += 1) checkAgainstNaive(first, second);
  });

  test("is the naive one, and right, for pairs of sizes up to 300", () => {
    fc.assert(
      fc.property(sizes, sizes, (a, b) => checkAgainstNaive(Math.min(a, b), Math.max(a, b))),
      { numRuns: 500 },
    );
  });

  test("is right in larger trees, and not after another history", () => {
    const tree = new LargeTree(packedLeaves(100_000), "rfc6962", hasher);
    const many = fc.integer({ min: 1, max: 100_000 });
    fc.assert(
      fc.property(many, many, fc.nat(), (a, b, any) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        const proof = {
          first: { size: first, root: tree.node(rootRef(first, "rfc6962"), first) },
          second: { size: second, root: tree.node(rootRef(second, "rfc6962"), second) },
          hashes: consistencyPath(first, second).map((ref) => tree.node(ref, second)),
        };
        expect(verify(proof)).toBe(true);
        const rewritten = { level: 0, index: any % first };
        const leaf = tree.complete(rewritten);
        tree.change(rewritten.index, new Uint8Array(32));
        const after = {
          ...proof,
          second: { size: second, root: tree.node(rootRef(second, "rfc6962"), second) },
          hashes: consistencyPath(first, second).map((ref) => tree.node(ref, second)),
        };
        tree.change(rewritten.index, leaf);
        expect(verify(after)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test("is wrong with any bit of its hashes or roots flipped", () => {
    for (const proof of sample) {
      for (const which of ["first", "second"] as const)
        expect(
          flippedBits(proof[which].root).filter((root) =>
            verify({ ...proof, [which]: { ...proof[which], root } }),
          ),
        ).toEqual([]);
      for (const [at, hash] of proof.hashes.entries())
        expect(
          flippedBits(hash).filter((flipped) => verify({ ...proof, hashes: proof.hashes.with(at, flipped) })),
        ).toEqual([]);
    }
  });

  test("is wrong with a hash dropped, added, swapped, cut or extended", () => {
    for (const proof of sample)
      for (const hashes of otherHashLists(proof.hashes, [proof.first.root, proof.second.root]))
        expect(verify({ ...proof, hashes })).toBe(false);
  });

  test("is wrong with the roots exchanged or of another length", () => {
    for (const { first, second, hashes } of sample) {
      const isSame = first.size === second.size;
      expect(
        verify({
          first: { ...first, root: second.root },
          second: { ...second, root: first.root },
          hashes,
        }),
      ).toBe(isSame);
      for (const root of [new Uint8Array(0), first.root.subarray(1), second.root.subarray(1)]) {
        expect(verify({ first: { ...first, root }, second, hashes })).toBe(false);
        expect(verify({ first, second: { ...second, root }, hashes })).toBe(false);
        expect(verify({ first: { ...first, root }, second: { ...second, root }, hashes })).toBe(false);
      }
    }
  });

  test("is wrong for other sizes, unless its path has the same shape there", () => {
    for (const proof of sample) {
      const shape = shapeOf(proof.first.size, proof.second.size);
      for (let size = 1; size <= 130; size += 1) {
        const { first, second } = proof;
        expect([size, verify({ ...proof, first: { ...first, size } })]).toEqual([
          size,
          size <= second.size && shapeOf(size, second.size) === shape,
        ]);
        expect([size, verify({ ...proof, second: { ...second, size } })]).toEqual([
          size,
          size >= first.size && shapeOf(first.size, size) === shape,
        ]);
      }
    }
  });

  test("is wrong for sizes that no tree has, and for a second tree that is smaller", () => {
    for (const proof of sample) {
      const { first, second } = proof;
      for (const size of otherSizes) {
        expect(verify({ ...proof, first: { ...first, size } })).toBe(false);
        expect(verify({ ...proof, second: { ...second, size } })).toBe(false);
        expect(verify({ ...proof, first: { ...first, size }, second: { ...second, size } })).toBe(false);
      }
      expect(verify({ ...proof, first: { ...first, size: second.size + 1 } })).toBe(false);
      expect(verify({ ...proof, second: { ...second, size: first.size - 1 } })).toBe(false);
    }
  });

  test("works up to the largest size there can be", () => {
    const largest = Number.MAX_SAFE_INTEGER;
    for (const first of [1, 3, 2 ** 52, 2 ** 52 + 1, largest - 1]) {
      const path = consistencyPath(first, largest);
      const hashes = path.map((_, i) => hasher.sha256(new Uint8Array([i])));
      const proof = { size: largest, root: new Uint8Array(32) };
      expect(verify({ first: { ...proof, size: first }, second: proof, hashes })).toBe(false);
      expect(path.every(({ level, index }) => index * 2 ** level < largest)).toBe(true);
    }
  });
});

describe("consistency with the tree of no leaves", () => {
  const empty = { size: 0, root: naive.root(0) };
  const five = { size: 5, root: naive.root(5) };

  test("needs no hashes", () => {
    expect([consistencyPath(0, 0), consistencyPath(0, 5)]).toEqual([[], []]);
    expect(verify({ first: empty, second: five, hashes: [] })).toBe(true);
    expect(verify({ first: empty, second: empty, hashes: [] })).toBe(true);
  });

  test.each<[string, ConsistencyProof]>([
    ["a first root that is not the empty one", { first: { ...five, size: 0 }, second: five, hashes: [] }],
    ["a second root that is not the empty one", { first: empty, second: { ...five, size: 0 }, hashes: [] }],
    [
      "equal roots that are not the empty one",
      { first: { ...five, size: 0 }, second: { ...five, size: 0 }, hashes: [] },
    ],
    ["a hash", { first: empty, second: five, hashes: [five.root] }],
    [
      "a second root of 31 bytes",
      { first: empty, second: { ...five, root: five.root.subarray(1) }, hashes: [] },
    ],
    ["the empty tree as the second", { first: five, second: empty, hashes: [] }],
  ])("is refused with %s", (_, proof) => {
    expect(verify(proof)).toBe(false);
  });
});

test.each([
  [2, 1],
  [-1, 1],
  [0.5, 1],
  [1, 2 ** 53],
])("consistencyPath() cannot be asked for %d to %d", (first, second) => {
  expect(() => consistencyPath(first, second)).toThrow("a tree that grew is not smaller than before");
});

function verify(proof: ConsistencyProof): boolean {
  return verifyConsistency(proof, hasher);
}

function proofOf(first: number, second: number): ConsistencyProof {
  return {
    first: { size: first, root: naive.root(first) },
    second: { size: second, root: naive.root(second) },
    hashes: naive.consistency(first, second),
  };
}

function checkAgainstNaive(first: number, second: number): void {
  const expected = proofOf(first, second);
  const hashes: Hash[] = consistencyPath(first, second).map((ref) =>
    nodeHash(
      ref,
      second,
      completeParts(ref, second).map((part) => naive.node(part, second)),
      "rfc6962",
      hasher,
    ),
  );
  if (Buffer.compare(Buffer.concat(hashes), Buffer.concat(expected.hashes)) !== 0 || !verify(expected))
    expect(`consistency of ${first} and ${second}`).toBe("proved");
}

/**
 * What a consistency proof looks like: whether it begins with the first root or with a hash, and on which side of the
 * path its other hashes stand.
 */
function shapeOf(first: number, second: number): string {
  if (first === second) return "equal";
  let lastComplete = 1;
  while (first % (2 * lastComplete) === 0) lastComplete *= 2;
  // The path of the last leaf of the first tree, from above the last complete subtree on.
  const sides = naive
    .inclusion(first - 1, second)
    .slice(Math.log2(lastComplete))
    .map(({ side }) => side);
  return [lastComplete === first ? "root" : "hash", ...sides].join();
}
