import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { hashBytes } from "../../../src/core/hasher.ts";
import { limits } from "../../../src/core/limits.ts";
import {
  type DiffedTrees,
  type NodeRun,
  type RangeDiff,
  rangeDiff,
} from "../../../src/core/merkle/range-diff.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import { LargeTree, packedLeaves } from "./large-tree.ts";

const hasher = await loadHasher();
const million = 1_000_000;
const own = new LargeTree(packedLeaves(million), "rfc6962", hasher);
const other = new LargeTree(packedLeaves(million), "rfc6962", hasher);

interface Outcome {
  readonly result: RangeDiff;
  readonly roundTrips: number;
  readonly bytes: number;
  readonly largestBatch: number;
}

describe("rangeDiff() of logs of a million leaves", () => {
  test("that are equal costs one round trip", () => {
    const { result, roundTrips, bytes } = diff({ ownSize: million, otherSize: million });
    expect(result).toEqual({ kind: "compared", differing: [], isExact: true, missing: undefined });
    expect([roundTrips, bytes]).toEqual([1, 7 * hashBytes]);
  });

  test.each([0, 1, 524_287, 524_288, 777_777, 999_423, 999_998, 999_999])(
    "finds leaf %d, the only one that differs, with less than 3 KB in six round trips",
    (index) => {
      const { result, roundTrips, bytes } = withChanged([index], () =>
        diff({ ownSize: million, otherSize: million }),
      );
      expect(result).toEqual({
        kind: "compared",
        differing: [{ from: index, to: index + 1 }],
        isExact: true,
        missing: undefined,
      });
      expect(roundTrips).toBeLessThanOrEqual(6);
      expect(bytes).toBeLessThan(3 * 1024);
    },
  );

  test.each([
    [million - 1, million, { side: "own", from: million - 1, to: million }],
    [million, million - 1, { side: "other", from: million - 1, to: million }],
    [1, million, { side: "own", from: 1, to: million }],
    [0, million, { side: "own", from: 0, to: million }],
    [0, 0, undefined],
  ] as const)("of which %d and %d leaves are there finds the missing tail", (ownSize, otherSize, missing) => {
    const { result, roundTrips } = diff({ ownSize, otherSize });
    expect(result).toEqual({ kind: "compared", differing: [], isExact: true, missing });
    expect(roundTrips).toBe(Math.min(ownSize, otherSize) === 0 ? 0 : 1);
  });

  test("finds a fork of the last leaf beside a missing tail", () => {
    const { result, bytes } = withChanged([654_320], () => diff({ ownSize: 654_321, otherSize: million }));
    expect(result).toEqual({
      kind: "compared",
      differing: [{ from: 654_320, to: 654_321 }],
      isExact: true,
      missing: { side: "own", from: 654_321, to: million },
    });
    expect(bytes).toBeLessThan(3 * 1024);
  });

  test("finds scattered differences in batches that are bounded", () => {
    const changed = Array.from({ length: 500 }, (_, i) => 1999 * i + (i % 7));
    const { result, roundTrips, largestBatch, bytes } = withChanged(changed, () =>
      diff({ ownSize: million, otherSize: million }),
    );
    expect(result).toEqual({
      kind: "compared",
      differing: changed.map((index) => ({ from: index, to: index + 1 })),
      isExact: true,
      missing: undefined,
    });
    expect(largestBatch).toBe(limits.diffBatchHashesMax);
    expect([roundTrips < 40, bytes < 1024 * 1024]).toEqual([true, true]);
  });

  test("after a fork in the middle is exact about the first difference and rough about the rest", () => {
    const fork = 400_123;
    const forked = packedLeaves(million);
    for (let i = fork; i < million; i += 1)
      forked[hashBytes * i + 31] = (forked[hashBytes * i + 31] ?? 0) ^ 1;
    const trees = { own, other: new LargeTree(forked, "rfc6962", hasher) };
    const { result, bytes } = drive({ ownSize: million, otherSize: million, hashesMax: 16 * 1024 }, trees);
    expect(result).toEqual({
      kind: "compared",
      differing: [{ from: fork, to: million }],
      isExact: false,
      missing: undefined,
    });
    expect(bytes).toBeLessThanOrEqual((16 * 1024 + 53) * hashBytes);
  });

  test("without a budget names the largest subtrees that differ", () => {
    const { result } = withChanged([3, 700_000], () =>
      diff({ ownSize: million, otherSize: million, hashesMax: 0 }),
    );
    expect(result).toEqual({
      kind: "compared",
      differing: [{ from: 0, to: 786_432 }],
      isExact: false,
      missing: undefined,
    });
  });
});

describe("rangeDiff()", () => {
  const sizes = fc.integer({ min: 0, max: 700 });
  const budget = fc.oneof(fc.constant(limits.diffHashesMax), fc.nat(200));

  test("finds all differences of any two logs, and with too small a budget all of them in larger ranges", () => {
    fc.assert(
      fc.property(
        sizes,
        sizes,
        fc.uniqueArray(fc.nat(699)),
        budget,
        (ownSize, otherSize, changed, hashesMax) => {
          const { result, bytes } = withChanged(changed, () => diff({ ownSize, otherSize, hashesMax }));
          if (result.kind !== "compared") throw new Error(result.detail);
          const common = Math.min(ownSize, otherSize);
          const named = new Set(result.differing.flatMap(({ from, to }) => numbers(from, to)));
          const real = changed.filter((index) => index < common);
          expect(real.filter((index) => !named.has(index))).toEqual([]);
          expect([...named].filter((index) => index >= common)).toEqual([]);
          expect(bytes).toBeLessThanOrEqual(hashBytes * (hashesMax + 10));
          // Exact results name nothing else, and a full budget suffices.
          expect(named.size === real.length || !result.isExact).toBe(true);
          expect(result.isExact || hashesMax <= 200).toBe(true);
          const between = result.differing
            .slice(1)
            .map(({ from }, i) => from - (result.differing[i]?.to ?? from));
          expect(between.every((gap) => gap > 0)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("asks only for nodes that are complete in both trees", () => {
    const asked: NodeRun[] = [];
    withChanged([5, 300, 600], () => diff({ ownSize: 611, otherSize: 900 }, asked));
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter(({ level, first, count }) => (first + count) * 2 ** level > 611)).toEqual([]);
  });

  test.each(["own", "other"] as const)("tells of %s hashes that do not make their parent", (side) => {
    const lying = rangeDiff({ ownSize: 64, otherSize: 64 }, hasher);
    const root = lying.next();
    expect(root.value).toEqual([{ level: 6, first: 0, count: 1 }]);
    const children = withChanged([9], () => {
      lying.next(answers(root.value as NodeRun[], { own, other }));
      return answers([{ level: 4, first: 0, count: 4 }], { own, other });
    });
    const flipped = children[side].slice();
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    expect(lying.next({ ...children, [side]: flipped })).toEqual({
      done: true,
      value: {
        kind: "contradiction",
        side,
        detail: "the node at level 6, index 0 is not the hash of its children",
      },
    });
  });

  test.each([0, 31, 33, 64])("tells of an answer of %d bytes where 32 were asked for", (bytes) => {
    const asking = rangeDiff({ ownSize: 64, otherSize: 64 }, hasher);
    asking.next();
    expect(asking.next({ own: new Uint8Array(32), other: new Uint8Array(bytes) }).value).toEqual({
      kind: "contradiction",
      side: "other",
      detail: `1 hashes were asked for, ${bytes} bytes answered`,
    });
  });

  test.each([-1, 0.5, Number.NaN])("refuses a size of %d", (ownSize) => {
    expect(() => rangeDiff({ ownSize, otherSize: 5 }, hasher).next()).toThrow(
      "trees have a whole number of leaves",
    );
  });
});

function diff(trees: DiffedTrees, asked?: NodeRun[]): Outcome {
  return drive(trees, { own, other }, asked);
}

/** What the shell does: fetch what is asked for from both sides until there is a result. */
function drive(sizes: DiffedTrees, trees: { own: LargeTree; other: LargeTree }, asked?: NodeRun[]): Outcome {
  const machine = rangeDiff(sizes, hasher);
  let [roundTrips, bytes, largestBatch] = [0, 0, 0];
  let step = machine.next();
  while (step.done !== true) {
    asked?.push(...step.value);
    const answer = answers(step.value, trees);
    roundTrips += 1;
    bytes += answer.other.length;
    largestBatch = Math.max(largestBatch, answer.other.length / hashBytes);
    step = machine.next(answer);
  }
  return { result: step.value, roundTrips, bytes, largestBatch };
}

function answers(runs: readonly NodeRun[], trees: { own: LargeTree; other: LargeTree }) {
  return {
    own: Buffer.concat(runs.map((run) => trees.own.run(run))),
    other: Buffer.concat(runs.map((run) => trees.other.run(run))),
  };
}

/** Runs with leaves of the other tree changed. */
function withChanged<T>(indexes: readonly number[], run: () => T): T {
  const leaves = indexes.map((index) => other.complete({ level: 0, index }));
  for (const index of indexes)
    other.change(index, hasher.sha256(new Uint8Array([index, index >> 8, index >> 16])));
  try {
    return run();
  } finally {
    for (const [i, index] of indexes.entries()) other.change(index, leaves[i] ?? new Uint8Array(32));
  }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
