import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareEpochs, noEpoch } from "../../src/core/epoch.ts";
import { PromiseCount } from "../../src/sync/promise-count.ts";
import { bestCandidate, type Candidate, committedThrough, nextEpoch } from "../../src/sync/takeover.ts";

const holders = ["a", "b", "c"];

function candidate(
  nodeId: string,
  counter: number,
  latest: number,
  of: readonly string[] = holders,
): Candidate {
  const accepted = counter === 0 ? noEpoch : { counter, nodeId: "a" };
  return { nodeId, holders: of, accepted, committed: 0, latest, root: new Uint8Array() };
}

describe("nextEpoch()", () => {
  test("has a counter of at least 2", () => {
    expect(nextEpoch("b", [])).toEqual({ counter: 2, nodeId: "b" });
    expect(nextEpoch("b", [noEpoch])).toEqual({ counter: 2, nodeId: "b" });
  });

  test("is above everything that was seen", () => {
    const seen = fc.array(fc.record({ counter: fc.nat(9), nodeId: fc.constantFrom("a", "b", "z") }));
    fc.assert(
      fc.property(seen, (epochs) => {
        for (const epoch of epochs) expect(compareEpochs(nextEpoch("b", epochs), epoch)).toBeGreaterThan(0);
      }),
    );
  });
});

describe("bestCandidate()", () => {
  test.each([
    ["a later epoch stands, be it shorter", [candidate("a", 2, 9), candidate("b", 3, 4)], "b"],
    ["of one epoch the longer stands", [candidate("b", 3, 4), candidate("c", 3, 5)], "c"],
    ["of equal ones one's own", [candidate("b", 3, 4), candidate("a", 3, 4)], "a"],
    ["of equal ones of others, the first", [candidate("c", 3, 4), candidate("b", 3, 4)], "c"],
  ] as const)("%s", (_, candidates, best) => {
    expect(bestCandidate(candidates, "a")?.nodeId).toBe(best);
  });
});

test.each([
  [[5, 3, 1], 1, 5],
  [[5, 3, 1], 2, 3],
  [[5, 3, 1], 3, 1],
  [[4, -1, -1], 2, -1],
  [[4], 2, 0],
] as const)("committedThrough(%p, %p) is %p", (latest, required, through) => {
  expect(committedThrough(latest, required)).toBe(through);
});

describe("PromiseCount", () => {
  const promised = (given: Candidate): Parameters<PromiseCount["answered"]>[1] => ({
    ...given,
    ...{ kind: "promised", promised: { counter: 9, nodeId: "a" }, leaving: false },
  });
  const counting = (own = candidate("a", 2, 3), of: readonly string[] = holders): PromiseCount =>
    new PromiseCount(of, own, "majority");

  test("asks every holder but itself, once", () => {
    const count = counting();
    expect(count.toAsk()).toEqual(["b", "c"]);
    expect(count.toAsk()).toEqual([]);
  });

  test("has enough with a majority", () => {
    const count = counting();
    expect(count.isEnough).toBe(false);
    count.answered("c", promised(candidate("c", 1, 1)));
    expect(count.isEnough).toBe(true);
    expect(count.candidates.map(({ nodeId }) => nodeId)).toEqual(["a", "c"]);
  });

  test("needs three of four: of two, none might know what the other three committed", () => {
    const four = [...holders, "d"];
    const count = counting(candidate("a", 2, 3, four), four);
    count.answered("b", promised(candidate("b", 2, 3, four)));
    expect(count.isEnough).toBe(false);
    count.answered("c", promised(candidate("c", 2, 3, four)));
    expect(count.isEnough).toBe(true);
  });

  test("goes on with the holders that a later epoch came with", () => {
    const count = counting();
    count.toAsk();
    count.answered("b", promised(candidate("b", 3, 1, ["a", "b", "d"])));
    expect(count.holders).toEqual(["a", "b", "d"]);
    expect(count.isEnough).toBe(true);
    expect(count.toAsk()).toEqual(["d"]);
  });

  test("does not count who is no holder any more", () => {
    const count = counting();
    count.answered("b", promised(candidate("b", 3, 1, ["a", "d", "e"])));
    expect(count.isEnough).toBe(false);
    count.answered("c", promised(candidate("c", 1, 1)));
    expect(count.isEnough).toBe(false);
    count.answered("d", promised(candidate("d", 3, 1, ["a", "d", "e"])));
    expect(count.isEnough).toBe(true);
  });

  test("keeps to its holders if others are of an earlier epoch", () => {
    const count = counting();
    count.answered("b", promised(candidate("b", 1, 7, ["a", "b"])));
    expect(count.holders).toEqual(holders);
  });

  test("follows the holders that a former one names, once", () => {
    const count = counting();
    count.answered("c", { kind: "not-holder", holders: ["a", "b"] });
    expect(count.followHint()).toBe(true);
    expect(count.holders).toEqual(["a", "b"]);
    expect(count.followHint()).toBe(false);
  });

  test("remembers the latest epoch that stood against it", () => {
    const count = counting();
    count.answered("b", { kind: "refused", promised: { counter: 7, nodeId: "b" } });
    count.answered("c", { kind: "refused", promised: { counter: 5, nodeId: "c" } });
    expect(count.refusedBy).toEqual({ counter: 7, nodeId: "b" });
    expect(count.isEnough).toBe(false);
  });
});
