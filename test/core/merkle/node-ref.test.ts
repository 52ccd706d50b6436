import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { hex } from "../../../src/core/hex.ts";
import {
  completeParts,
  type NodeRef,
  nodeHash,
  rootRef,
  siblingsAbove,
} from "../../../src/core/merkle/node-ref.ts";
import type { ProfileName } from "../../../src/core/merkle/tree-profile.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { naiveTree, numberedLeaves } from "./naive-tree.ts";

const hasher = await loadHasher();
const leaves = numberedLeaves(300);
const refs = fc
  .tuple(
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.nat(53),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .map(([size, level, part]) => {
    const nodes = Math.ceil(size / 2 ** level);
    return { size, ref: { level, index: Math.min(nodes - 1, Math.floor(part * nodes)) } };
  });

describe("rootRef()", () => {
  test.each([
    [1, 0, 1],
    [2, 1, 1],
    [3, 2, 2],
    [4, 2, 2],
    [5, 3, 3],
    [256, 8, 8],
    [257, 9, 9],
    [2 ** 52, 52, 52],
    [Number.MAX_SAFE_INTEGER, 53, 53],
  ])("of %d leaves is at level %d, in the seed profile at level %d", (size, level, seedLevel) => {
    expect([rootRef(size, "rfc6962"), rootRef(size, "seed")]).toEqual([
      { level, index: 0 },
      { level: seedLevel, index: 0 },
    ]);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])("refuses a tree of %d leaves", (size) => {
    expect(() => rootRef(size, "rfc6962")).toThrow("only a tree with leaves has a root node");
  });
});

describe("completeParts()", () => {
  test.each<[NodeRef, number, NodeRef[]]>([
    [{ level: 0, index: 6 }, 7, [{ level: 0, index: 6 }]],
    [{ level: 2, index: 0 }, 7, [{ level: 2, index: 0 }]],
    [{ level: 1, index: 3 }, 7, [{ level: 0, index: 6 }]],
    [
      { level: 2, index: 1 },
      7,
      [
        { level: 1, index: 2 },
        { level: 0, index: 6 },
      ],
    ],
    [
      { level: 3, index: 0 },
      7,
      [
        { level: 2, index: 0 },
        { level: 1, index: 2 },
        { level: 0, index: 6 },
      ],
    ],
    [{ level: 9, index: 0 }, 1, [{ level: 0, index: 0 }]],
    [{ level: 4, index: 2 }, 36, [{ level: 2, index: 8 }]],
  ])("of %j among %d leaves are %j", (ref, size, parts) => {
    expect(completeParts(ref, size)).toEqual(parts);
  });

  test("are complete, larger from right to left, and cover the node's leaves without a gap", () => {
    fc.assert(
      fc.property(refs, ({ size, ref }) => {
        let next = ref.index * 2 ** ref.level;
        let larger = ref.level + 1;
        for (const { level, index } of completeParts(ref, size)) {
          expect([index * 2 ** level, level < larger]).toEqual([next, true]);
          next += 2 ** level;
          larger = level;
        }
        expect(next).toBe(Math.min(size, (ref.index + 1) * 2 ** ref.level));
      }),
      { numRuns: 500 },
    );
  });

  test.each<[NodeRef, number]>([
    [{ level: 0, index: 7 }, 7],
    [{ level: 3, index: 1 }, 8],
    [{ level: 0, index: -1 }, 7],
    [{ level: -1, index: 0 }, 7],
    [{ level: 0, index: 0 }, 0],
    [{ level: 0, index: 0 }, 1.5],
    [{ level: 0, index: 0 }, Number.NaN],
  ])("refuses %j, which a tree of %d leaves does not have", (ref, size) => {
    expect(() => completeParts(ref, size)).toThrow("assertion failed");
  });
});

describe.each<ProfileName>(["rfc6962", "seed"])("nodeHash() in the %s profile", (profile) => {
  const naive = naiveTree(profile, leaves);

  test("is the naive hash of the last nodes of every level of every tree of up to 300 leaves", () => {
    for (let size = 1; size <= 300; size += 1)
      for (let { level } = rootRef(size, profile); level >= 0; level -= 1) {
        const last = Math.ceil(size / 2 ** level) - 1;
        for (const ref of [last, Math.max(0, last - 1)].map((index) => ({ level, index }))) {
          const parts = completeParts(ref, size).map((part) => naive.node(part, size));
          expect(hex(nodeHash(ref, size, parts, profile, hasher))).toBe(hex(naive.node(ref, size)));
        }
      }
  });

  test.each([0, 2, 4])("refuses %d hashes for a node of three parts", (count) => {
    expect(() => nodeHash({ level: 3, index: 0 }, 7, leaves.slice(0, count), profile, hasher)).toThrow(
      "assertion failed: a node has the hashes of",
    );
  });
});

describe("siblingsAbove()", () => {
  test("together with the node covers every leaf once", () => {
    fc.assert(
      fc.property(refs, ({ size, ref }) => {
        const covered = [ref, ...siblingsAbove(ref, size)]
          .map(({ level, index }) => ({
            from: index * 2 ** level,
            to: Math.min(size, (index + 1) * 2 ** level),
          }))
          .sort((a, b) => a.from - b.from);
        expect([0, ...covered.map(({ to }) => to)]).toEqual([...covered.map(({ from }) => from), size]);
      }),
      { numRuns: 500 },
    );
  });
});
