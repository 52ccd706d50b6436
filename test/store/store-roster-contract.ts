/**
 * What every Store keeps of the cluster; a part of `store-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import type { RosterMember, Store } from "../../src/ledger/ports.ts";
import { append, sampleAppend, sampleHead, sampleMember } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";

const members = (from: number, to: number): RosterMember[] =>
  Array.from({ length: to - from + 1 }, (_, index) => sampleMember(from + index));

const write = (store: Store, put: readonly RosterMember[], remove: readonly string[] = []) =>
  store.commit({ rows: [], heads: [], roster: { put, remove } });

/** Runs this part of the contract against stores of one implementation. */
export function testStoreRoster(withStore: WithStore): void {
  describe("roster()", () => {
    test("has nobody at first", () =>
      withStore(async (store) => {
        expect(await store.roster()).toEqual([]);
      }));

    test("returns members as they were given, in the order of their node ids", () =>
      withStore(async (store) => {
        const texts = [
          sampleMember(3, { nodeId: "f".repeat(32), name: "köln 🔑 \u0000 end", rpcAddress: undefined }),
          sampleMember(1, { name: "", gossipAddress: "[::1]:7946", rpcAddress: "" }),
          sampleMember(2, { firstSeenMs: 0, lastAliveMs: Number.MAX_SAFE_INTEGER }),
        ];
        expect((await write(store, texts)).kind).toBe("committed");
        expect(await store.roster()).toEqual([texts[1], texts[2], texts[0]] as RosterMember[]);
      }));

    test("has one member for each node id: the last that was put", () =>
      withStore(async (store) => {
        await write(store, members(1, 3));
        const moved = sampleMember(2, { name: "other", gossipAddress: "10.0.0.9:1", rpcAddress: undefined });
        await write(store, [sampleMember(2, { name: "between" }), moved]);
        expect(await store.roster()).toEqual([sampleMember(1), moved, sampleMember(3)]);
      }));

    test("may have two members of one name", () =>
      withStore(async (store) => {
        const twins = [sampleMember(1, { name: "same" }), sampleMember(2, { name: "same" })];
        await write(store, twins);
        expect(await store.roster()).toEqual(twins);
      }));

    test("loses those that are removed, before others are put", () =>
      withStore(async (store) => {
        await write(store, members(1, 4));
        const back = sampleMember(3, { name: "back" });
        const gone = [2, 3, 5].map((number) => sampleMember(number).nodeId);
        await write(store, [back], gone);
        expect(await store.roster()).toEqual([sampleMember(1), back, sampleMember(4)]);
      }));

    test("changes with the commit it came with, or not at all", () =>
      withStore(async (store) => {
        const head = await append(store, "c", 1);
        const roster = { put: members(1, 2), remove: [] };
        const next = sampleAppend("c", head, head.log, 2);
        const stale = { ...next, heads: [{ contextId: "c", from: undefined, to: sampleHead(head.log, 2) }] };
        const refused = await store.commit({ ...stale, roster, gossipIncarnation: 7 });
        expect(refused).toEqual({ kind: "head-moved", contextId: "c" });
        expect(await store.roster()).toEqual([]);
        expect(await store.gossipIncarnation()).toBe(0);
        expect((await store.commit({ ...next, roster, gossipIncarnation: 7 })).kind).toBe("committed");
        expect(await store.roster()).toEqual(members(1, 2));
        expect(await store.gossipIncarnation()).toBe(7);
        expect((await store.head("c"))?.latest).toBe(2);
      }));

    test("goes into one commit with what proofs keep", () =>
      withStore(async (store) => {
        const signed = { contextId: "c", generation: 1, size: 5, root: new Uint8Array(32).fill(5) };
        const roster = { put: members(1, 1), remove: [] };
        await store.commit({ rows: [], heads: [], signed: [signed], roster, gossipIncarnation: 9 });
        expect(await store.signedHead("c")).toEqual(signed);
        expect(await store.roster()).toEqual(members(1, 1));
        expect(await store.gossipIncarnation()).toBe(9);
      }));

    test("takes as many members as a cluster may have, and returns no more", () =>
      withStore(async (store) => {
        await write(store, members(1, limits.membersMax));
        expect(await store.roster()).toEqual(members(1, limits.membersMax));
        await write(store, members(0, 0));
        expect(await store.roster()).toEqual(members(0, limits.membersMax - 1));
      }));

    test("belongs to the receiver", () =>
      withStore(async (store) => {
        await write(store, members(1, 1));
        for (const member of await store.roster()) Object.assign(member, { name: "changed" });
        expect(await store.roster()).toEqual(members(1, 1));
      }));
  });

  describe("gossipIncarnation()", () => {
    test("returns the highest that was ever given", () =>
      withStore(async (store) => {
        const give = (gossipIncarnation: number) => store.commit({ rows: [], heads: [], gossipIncarnation });
        expect(await store.gossipIncarnation()).toBe(0);
        for (const [given, wanted] of [
          [5, 5],
          [4, 5],
          [2 ** 32 - 1, 2 ** 32 - 1],
          [6, 2 ** 32 - 1],
        ] as const) {
          await give(given);
          expect(await store.gossipIncarnation()).toBe(wanted);
        }
      }));
  });
}
