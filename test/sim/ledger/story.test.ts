import { describe, expect, test } from "bun:test";
import { commandOf, optionsOf, runSeeds, type SeedRange } from "./seeds.ts";
import { story } from "./story.ts";

const limitMs = 240_000;
const common = { from: 1, nodes: 5, operations: 200 } as const;

/** 200 seeds; as many again with views that no protocol would have let happen. */
const ranges: readonly SeedRange[] = [
  { ...common, seeds: 50, writeCopies: "majority", membership: "swim" },
  { ...common, seeds: 70, writeCopies: "majority", membership: "flapping" },
  { ...common, seeds: 15, writeCopies: "all", membership: "swim" },
  { ...common, seeds: 30, writeCopies: "all", membership: "flapping" },
  { ...common, seeds: 15, writeCopies: "1", membership: "swim" },
  { ...common, seeds: 30, writeCopies: "1", membership: "flapping" },
];

describe("a cluster in which everything fails keeps its promises", () => {
  test.each(ranges)(
    "with --write-copies $writeCopies and $membership membership",
    async (range) => {
      const { violating, acknowledged } = await runSeeds(range);
      const found = [...violating].map(([seed, violations]) => [
        commandOf(range, seed),
        ...violations.slice(0, 5),
      ]);
      expect(found).toEqual([]);
      expect(acknowledged).toBeGreaterThan(range.seeds);
    },
    limitMs,
  );
});

describe("one seed", () => {
  test.each(ranges)(
    "with --write-copies $writeCopies and $membership membership tells the same story each time",
    async (range) => {
      const options = optionsOf(range, 77);
      expect(await story(options)).toEqual(await story(options));
    },
    limitMs,
  );

  test("tells another story than the next", async () => {
    const [range] = ranges;
    if (range === undefined) throw new Error("there is a range");
    const traces = [78, 79].map(async (seed) => (await story(optionsOf(range, seed))).trace);
    const [one, other] = await Promise.all(traces);
    expect(one).not.toBe(other);
  });
});
