import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nextHolderChange } from "../../src/sync/holder-change.ts";

const everybody = ["a", "b", "c", "d", "e"];

interface Case {
  readonly holders: readonly string[];
  readonly placed?: readonly string[];
  readonly dead?: readonly string[];
  readonly givenUp?: readonly string[];
  readonly selfId?: string;
}

function next({ holders, placed = everybody, dead = [], givenUp = [], selfId = holders[0] ?? "" }: Case) {
  const view = { selfId, isAlive: (nodeId: string) => !dead.includes(nodeId) };
  return nextHolderChange({ holders, placed, replicas: 3, view, isGivenUp: (id) => givenUp.includes(id) });
}

describe("nextHolderChange()", () => {
  test.each([
    ["as it should be", { holders: ["a", "b", "c"] }, undefined],
    ["one that belongs here is missing", { holders: ["b", "c"] }, ["add", "a"]],
    ["one too many", { holders: ["a", "b", "c", "e"] }, ["remove", "e"]],
    ["one placed better comes before another goes", { holders: ["b", "c", "d"] }, ["add", "a"]],
    ["who is placed better and dead is not waited for", { holders: ["b", "c", "d"], dead: ["a"] }, undefined],
    ["the dead stay for a while", { holders: ["a", "b", "c"], dead: ["c"] }, undefined],
    ["and are replaced", { holders: ["a", "b", "c"], dead: ["c"], givenUp: ["c"] }, ["add", "d"]],
    ["and go", { holders: ["a", "b", "c", "d"], dead: ["c"], givenUp: ["c"] }, ["remove", "c"]],
    [
      "who is dead goes before who is placed worst",
      { holders: ["a", "b", "d", "e"], placed: ["a", "b", "c", "d", "e"], dead: ["d"] },
      ["remove", "d"],
    ],
    [
      "with fewer nodes than copies the dead stay",
      { holders: ["a", "b", "c"], placed: ["a", "b", "c"], dead: ["c"], givenUp: ["c"] },
      undefined,
    ],
    ["a home does not remove itself", { holders: ["a", "b", "c", "e"], selfId: "e" }, undefined],
    ["who left the roster goes", { holders: ["a", "b", "c", "z"] }, ["remove", "z"]],
  ] as const)("%s", (_, given, expected) => {
    const change = next(given);
    expect(change && ([change.kind, change.nodeId] as const)).toEqual(expected as never);
  });

  test("comes to an end, one at a time, with the best placed that are alive", () => {
    const some = fc.shuffledSubarray(everybody, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(some, fc.shuffledSubarray(everybody, { minLength: 5 }), (begun, placed) => {
        let holders: readonly string[] = begun;
        let changes = 0;
        for (;;) {
          // Whoever is placed best of them is the home.
          const selfId = placed.find((nodeId) => holders.includes(nodeId)) ?? "";
          const change = next({ holders, placed, selfId });
          if (change === undefined) break;
          const difference = Math.abs(change.holders.length - holders.length);
          expect(difference).toBe(1);
          expect(change.holders.length).toBeGreaterThanOrEqual(Math.min(3, holders.length));
          holders = change.holders;
          changes += 1;
          expect(changes).toBeLessThan(10);
        }
        expect(holders.toSorted()).toEqual(placed.slice(0, 3).toSorted());
        const missing = placed.slice(0, 3).filter((nodeId) => !begun.includes(nodeId)).length;
        const surplus = begun.filter((nodeId) => !placed.slice(0, 3).includes(nodeId)).length;
        expect(changes).toBe(missing + surplus);
      }),
    );
  });
});
