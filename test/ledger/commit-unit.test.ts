import { describe, expect, test } from "bun:test";
import { type CommitExtras, isEmpty } from "../../src/ledger/commit-extras.ts";
import { ContextState } from "../../src/ledger/context-state.ts";
import type { Head } from "../../src/ledger/ports.ts";
import { gather, type Unit } from "../../src/ledger/commit-unit.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { sampleFork, sampleReplica, sampleTruncation } from "../store/sample-replicas.ts";
import { sampleHead, sampleMember } from "../store/sample-rows.ts";

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
const replica = (contextId: string, committed: number): CommitExtras => ({
  replicas: [sampleReplica(contextId, committed)],
});
const signed = (contextId: string, size: number): CommitExtras => ({
  signed: [{ contextId, generation: 1, size, root: new Uint8Array(32) }],
});
const drop = (contextId: string): CommitExtras => ({ drops: [{ contextId, from: undefined }] });
const fork = (after: number, count: number): CommitExtras => ({ forks: [sampleFork("c", after, { count })] });
const damage = { damage: [{ log: 1, sequence: 1, damaged: true }] };

describe("gather()", () => {
  test.each<[string, CommitExtras[]]>([
    ["puts, then removes", [put(1, 2, 3), remove(2)]],
    ["removes, then puts", [put(1, 2, 3), remove(2), put(2, 4)]],
    ["puts, removes and puts", [put(1), remove(1), put(1), remove(1), put(1)]],
    ["puts one twice", [put(1), { roster: { put: [sampleMember(1, { name: "later" })], remove: [] } }]],
    ["has something else between", [put(1), damage, remove(1), damage, put(2)]],
    ["raises the incarnation in any order", [{ gossipIncarnation: 7 }, put(1), { gossipIncarnation: 5 }]],
    ["puts replicas of one context and of others", [replica("c", 1), replica("d", 2), replica("c", 3)]],
    ["drops what was put before", [replica("c", 1), signed("c", 1), drop("c")]],
    ["puts what was dropped before", [replica("c", 1), drop("c"), replica("c", 2), signed("c", 2)]],
    ["drops another context", [replica("c", 1), signed("c", 1), drop("d"), signed("d", 1)]],
    ["puts a fork twice", [fork(1, 1), fork(2, 1), fork(1, 5)]],
  ])("has the effect of one unit after the other if a batch %s", async (_, all) => {
    const one = createMemoryStore();
    for (const extras of all) await one.commit({ rows: [], heads: [], ...extras });
    const together = createMemoryStore();
    await together.commit(gather(all.map(unitOf)).commit);
    expect(await together.roster()).toEqual(await one.roster());
    expect(await together.gossipIncarnation()).toBe(await one.gossipIncarnation());
    expect(await together.replicas("", 9)).toEqual(await one.replicas("", 9));
    expect(await together.forks(undefined, 9)).toEqual(await one.forks(undefined, 9));
    for (const id of ["c", "d"]) expect(await together.signedHead(id)).toEqual(await one.signedHead(id));
  });

  test("keeps the order of truncations, drops and settled archives, and the last replica of a context", () => {
    const [one, two] = [1, 2].map((archive) => sampleTruncation("c", sampleHead(7, 9), 3, archive));
    const all: CommitExtras[] = [
      { truncations: one === undefined ? [] : [one], settled: [5], ...replica("c", 1) },
      { truncations: two === undefined ? [] : [two], settled: [4, 6], ...drop("d"), ...replica("c", 2) },
    ];
    const { commit } = gather(all.map(unitOf));
    expect(commit.truncations?.map(({ archive }) => archive)).toEqual([1, 2]);
    expect(commit.settled).toEqual([5, 4, 6]);
    expect(commit.drops).toEqual([{ contextId: "d", from: undefined }]);
    expect(commit.replicas).toEqual([sampleReplica("c", 2)]);
  });

  test.each<[string, CommitExtras, Head | undefined]>([
    [
      "what a truncation leaves",
      { truncations: [sampleTruncation("c", sampleHead(7, 9), 3, 8)] },
      sampleHead(7, 3),
    ],
    [
      "nothing, if that is what it leaves",
      { truncations: [sampleTruncation("c", sampleHead(7, 9), 0, 8)] },
      undefined,
    ],
    ["nothing after a drop", { drops: [{ contextId: "c", from: sampleHead(7, 9) }] }, undefined],
    ["the head, if others are dropped", drop("d"), sampleHead(7, 9)],
  ])("bases a head change on %s", (_, extras, wanted) => {
    const state = new ContextState("c", sampleHead(7, 9));
    const unit = { ...unitOf(extras), state, headAfter: () => sampleHead(7, 12) };
    expect(gather([unit]).commit.heads).toEqual([{ contextId: "c", from: wanted, to: sampleHead(7, 12) }]);
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
    ["a replica", replica("c", 1), false],
    ["a truncation", { truncations: [sampleTruncation("c", sampleHead(7, 9), 3, 8)] }, false],
    ["a drop", drop("c"), false],
    ["a settled archive", { settled: [1] }, false],
    ["a fork", fork(1, 1), false],
    ["empty lists of these", { replicas: [], truncations: [], drops: [], settled: [], forks: [] }, true],
  ])("of a commit with %s", (_, extras, wanted) => {
    expect(isEmpty(gather([unitOf(extras)]).commit)).toBe(wanted);
  });
});
