import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { hashBytes } from "../../../src/core/hasher.ts";
import { hex } from "../../../src/core/hex.ts";
import { batchHashing } from "../../../src/core/merkle/batch-hashing.ts";
import { emptyFrontier, type Frontier, frontierRoot, oneBits } from "../../../src/core/merkle/frontier.ts";
import { completeParts, rootRef } from "../../../src/core/merkle/node-ref.ts";
import type { ProfileName } from "../../../src/core/merkle/tree-profile.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { LargeTree, packedLeaves } from "./large-tree.ts";
import { naiveTree, numberedLeaves } from "./naive-tree.ts";

const hasher = await loadHasher();

describe.each<ProfileName>(["rfc6962", "seed"])("a frontier in the %s profile", (profile) => {
  const leaves = numberedLeaves(300);
  const naive = naiveTree(profile, leaves);

  test("has the naive root and subtrees after each of 300 leaves", () => {
    let frontier = emptyFrontier;
    for (const [index, leaf] of leaves.entries()) {
      expect(hex(frontierRoot(frontier, profile, hasher))).toBe(hex(naive.root(index)));
      frontier = hasher.extend(frontier, leaf, profile);
      const size = index + 1;
      const parts = completeParts(rootRef(size, profile), size).map((part) => naive.node(part, size));
      expect([frontier.size, hex(frontier.subtrees)]).toEqual([size, hex(Buffer.concat(parts))]);
    }
    expect(hex(frontierRoot(frontier, profile, hasher))).toBe(hex(naive.root(300)));
  });

  test("is the same however the leaves come, and its argument stays as it was", () => {
    const packed = packedLeaves(20_000);
    const tree = new LargeTree(packed, profile, hasher);
    const lengths = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(lengths, (batches) => {
        let frontier = emptyFrontier;
        for (const count of batches) {
          const before: Frontier = { size: frontier.size, subtrees: frontier.subtrees.slice() };
          const from = hashBytes * frontier.size;
          const next = hasher.extend(frontier, packed.subarray(from, from + hashBytes * count), profile);
          expect(frontier).toEqual(before);
          frontier = next;
        }
        const { size } = frontier;
        expect(size).toBe(batches.reduce((sum, count) => sum + count, 0));
        const root = hex(frontierRoot(frontier, profile, hasher));
        expect(root).toBe(hex(size === 0 ? naive.root(0) : tree.node(rootRef(size, profile), size)));
      }),
      { numRuns: 25 },
    );
  });

  test("costs about one hash a leaf, and at most one a level for a root", () => {
    let hashes = 0;
    const counting = batchHashing({
      ...hasher,
      sha256: (bytes) => ((hashes += 1), hasher.sha256(bytes)),
    });
    const frontier = counting.extend(emptyFrontier, packedLeaves(4095), profile);
    expect(hashes).toBe(4095 - 12);
    frontierRoot(frontier, profile, counting);
    expect(hashes).toBeLessThanOrEqual(4095);
  });

  test.each([
    [1, 0],
    [2, 2],
    [7, 2],
    [0, 1],
  ])("of size %d with %d subtrees is refused", (size, subtrees) => {
    const frontier = { size, subtrees: new Uint8Array(hashBytes * subtrees) };
    expect(() => frontierRoot(frontier, profile, hasher)).toThrow(
      "a frontier has one subtree per 1-bit of its size",
    );
  });
});

test.each([
  [0, 0],
  [1, 1],
  [7, 3],
  [2 ** 52, 1],
  [Number.MAX_SAFE_INTEGER, 53],
])("oneBits() of %d is %d", (value, bits) => {
  expect(oneBits(value)).toBe(bits);
});
