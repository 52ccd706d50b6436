import { describe, expect, test } from "bun:test";
import { type CommitExtras, gather, isEmpty, type Unit } from "../../src/ledger/commit-unit.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { sampleMember } from "../store/sample-rows.ts";

function unitOf(extras: CommitExtras): Unit {
  return {
    state: undefined,
    entries: 0,
    bytes: 0,
    plan() {},
    rows: () => [],
    headAfter: () => undefined,
    extras: () => extras,
    committed() {},
    failed() {},
  };
}

const put = (...numbers: number[]): CommitExtras => ({
  roster: { put: numbers.map((number) => sampleMember(number)), remove: [] },
});
const remove = (...numbers: number[]): CommitExtras => ({
  roster: { put: [], remove: numbers.map((number) => sampleMember(number).nodeId) },
});
const damage = { damage: [{ log: 1, sequence: 1, damaged: true }] };

describe("gather()", () => {
  test.each<[string, CommitExtras[]]>([
    ["puts, then removes", [put(1, 2, 3), remove(2)]],
    ["removes, then puts", [put(1, 2, 3), remove(2), put(2, 4)]],
    ["puts, removes and puts", [put(1), remove(1), put(1), remove(1), put(1)]],
    ["puts one twice", [put(1), { roster: { put: [sampleMember(1, { name: "later" })], remove: [] } }]],
    ["has something else between", [put(1), damage, remove(1), damage, put(2)]],
    ["raises the incarnation in any order", [{ gossipIncarnation: 7 }, put(1), { gossipIncarnation: 5 }]],
  ])("has the effect of one unit after the other if a batch %s", async (_, all) => {
    const one = createMemoryStore();
    for (const extras of all) await one.commit({ rows: [], heads: [], ...extras });
    const together = createMemoryStore();
    await together.commit(gather(all.map(unitOf)).commit);
    expect(await together.roster()).toEqual(await one.roster());
    expect(await together.gossipIncarnation()).toBe(await one.gossipIncarnation());
  });
});

describe("isEmpty()", () => {
  test.each<[string, CommitExtras, boolean]>([
    ["nothing", {}, true],
    ["empty lists", { damage: [], roster: { put: [], remove: [] } }, true],
    ["somebody for the roster", put(1), false],
    ["somebody to remove from it", remove(1), false],
    ["an incarnation", { gossipIncarnation: 1 }, false],
    ["marks of damage", damage, false],
  ])("of a commit with %s", (_, extras, wanted) => {
    expect(isEmpty(gather([unitOf(extras)]).commit)).toBe(wanted);
  });
});
