import { describe, expect, test } from "bun:test";
import { noEpoch } from "../../src/core/epoch.ts";
import {
  type HolderView,
  judgeAdopt,
  judgeHolders,
  judgePrepare,
  judgeReplicate,
  promisedTo,
  sameHolders,
  soloTerms,
  type Terms,
  termsOf,
} from "../../src/sync/terms.ts";

const holders = ["a", "b", "c"];
const rootOf = (latest: number): Uint8Array => Uint8Array.of(latest);
const epoch = (counter: number, nodeId = "a"): { counter: number; nodeId: string } => ({ counter, nodeId });
const kept: Terms = { holders, promised: epoch(3), accepted: epoch(3), committed: 4, leaving: false };

function view(terms: Partial<Terms> | undefined = {}, latest = 5): HolderView {
  return { selfId: "b", latest, root: rootOf(latest), terms: terms && { ...kept, ...terms } };
}

function nothing(): HolderView {
  return { selfId: "b", latest: 0, root: rootOf(0), terms: undefined };
}

describe("termsOf()", () => {
  test("of a context with entries and no word about them is that of a node alone", () => {
    expect(termsOf({ ...nothing(), latest: 2 })).toEqual(soloTerms("b", 2));
    expect(termsOf(nothing())).toBeUndefined();
  });
});

describe("judgeReplicate()", () => {
  const item = { epoch: epoch(3), holders, after: 5, rootAfter: rootOf(5), rows: { length: 2 } };
  test.each([
    ["rows that follow", view(), item, { kind: "extend", skip: 0 }],
    ["rows that follow, without any", view(), { ...item, rows: { length: 0 } }, { kind: "extend", skip: 0 }],
    ["rows of which some are there", view(), { ...item, after: 4 }, { kind: "extend", skip: 1 }],
    ["rows that are all there", view(), { ...item, after: 2 }, { kind: "stored", latest: 5 }],
    ["rows after a gap", view(), { ...item, after: 6 }, { kind: "gap", latest: 5 }],
    ["another history", view(), { ...item, rootAfter: rootOf(9) }, { kind: "behind", latest: 5 }],
    ["a later epoch", view(), { ...item, epoch: epoch(4) }, { kind: "behind", latest: 5 }],
    [
      "an epoch below the promise",
      view({ promised: epoch(5) }),
      item,
      { kind: "refused", promised: epoch(5) },
    ],
    [
      "an epoch of the same counter, of a node below",
      view({ promised: epoch(3, "c") }),
      item,
      { kind: "refused", promised: epoch(3, "c") },
    ],
    ["what it gives up", view({ leaving: true }), item, { kind: "not-holder", holders }],
    ["others' contexts", view(), { ...item, holders: ["a", "c"] }, { kind: "not-holder", holders }],
    [
      "a context that two have made",
      view({ promised: epoch(1, "a"), accepted: epoch(1, "a") }),
      { ...item, epoch: epoch(1, "c") },
      { kind: "not-holder", holders },
    ],
    [
      "the beginning of a context",
      nothing(),
      { ...item, epoch: epoch(1), after: 0, rootAfter: rootOf(0) },
      { kind: "extend", skip: 0 },
    ],
    [
      "the middle of a context",
      nothing(),
      { ...item, epoch: epoch(1), after: 3 },
      { kind: "behind", latest: 0 },
    ],
  ] as const)("%s", (_, holder, given, verdict) => {
    expect(judgeReplicate(holder, given) as unknown).toEqual(verdict);
  });
});

describe("judgePrepare()", () => {
  test.each([
    ["a later epoch", view(), { epoch: epoch(4), holders }, { kind: "promise" }],
    ["the epoch that was promised", view(), { epoch: epoch(3), holders }, { kind: "promise" }],
    ["an earlier one", view(), { epoch: epoch(2), holders }, { kind: "refused", promised: epoch(3) }],
    ["nothing known", nothing(), { epoch: epoch(2), holders }, { kind: "promise" }],
    [
      "a holder that goes",
      view({ leaving: true }),
      { epoch: epoch(9), holders },
      { kind: "not-holder", holders },
    ],
    ["a claim on others", view(), { epoch: epoch(4), holders: ["a"] }, { kind: "not-holder", holders }],
  ] as const)("%s", (_, holder, claim, verdict) => {
    expect(judgePrepare(holder, claim) as unknown).toEqual(verdict);
  });

  test("promisedTo() keeps what was accepted, and who holds it", () => {
    expect(promisedTo(view(), { epoch: epoch(7, "c"), holders: ["b", "c"] })).toEqual({
      ...kept,
      promised: epoch(7, "c"),
    });
    expect(promisedTo(nothing(), { epoch: epoch(2), holders })).toEqual({
      ...{ holders, promised: epoch(2), accepted: noEpoch, committed: 0, leaving: false },
    });
  });
});

describe("judgeAdopt()", () => {
  test.each([
    ["a later epoch", view(), { epoch: epoch(4), holders }, { kind: "adopt" }],
    ["an earlier one", view(), { epoch: epoch(2), holders }, { kind: "refused", promised: epoch(3) }],
    ["a copy before it counts", nothing(), { epoch: epoch(2), holders: ["a", "c"] }, { kind: "adopt" }],
    [
      "a holder that is wanted again",
      view({ leaving: true }),
      { epoch: epoch(4), holders },
      { kind: "adopt" },
    ],
    [
      "a context that two have made",
      view({ promised: epoch(1, "b"), accepted: epoch(1, "b") }),
      { epoch: epoch(1, "c"), holders },
      { kind: "not-holder", holders },
    ],
  ] as const)("%s", (_, holder, claim, verdict) => {
    expect(judgeAdopt(holder, claim) as unknown).toEqual(verdict);
  });
});

describe("judgeHolders()", () => {
  const position = { latest: 5, root: rootOf(5) };
  const claim = { epoch: epoch(4), holders: ["a", "b"], position };
  test.each([
    ["itself among them", view(), claim, { kind: "accept" }],
    ["others alone", view(), { ...claim, holders: ["a", "c"] }, { kind: "leave" }],
    ["an earlier epoch", view(), { ...claim, epoch: epoch(2) }, { kind: "refused", promised: epoch(3) }],
    ["a history that is longer", view({}, 4), claim, { kind: "behind", latest: 4 }],
    [
      "another history",
      view(),
      { ...claim, position: { latest: 5, root: rootOf(9) } },
      { kind: "behind", latest: 5 },
    ],
    ["itself, after it was to go", view({ leaving: true }), claim, { kind: "accept" }],
  ] as const)("%s", (_, holder, given, verdict) => {
    expect(judgeHolders(holder, given) as unknown).toEqual(verdict);
  });
});

test("sameHolders() does not care for their order", () => {
  expect(sameHolders(["a", "b"], ["b", "a"])).toBe(true);
  expect(sameHolders(["a", "b"], ["a", "c"])).toBe(false);
  expect(sameHolders(["a"], ["a", "b"])).toBe(false);
});
