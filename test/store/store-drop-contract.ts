/**
 * How every Store takes out whole contexts; a part of `store-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import type { Head } from "../../src/ledger/ports.ts";
import { sampleFork, sampleReplica, sampleTruncation, truncate } from "./sample-replicas.ts";
import { append, sampleAppend, sampleHead, sampleRows, sequencesOf } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";

const root = (seed: number) => new Uint8Array(32).fill(seed);

/** Runs this part of the contract against stores of one implementation. */
export function testStoreDrops(withStore: WithStore): void {
  describe("a drop", () => {
    test("takes a context out with all that is kept of it but archives and forks", () =>
      withStore(async (store) => {
        const before = await append(store, "c", 600);
        const archive = await truncate(store, "c", before, 520);
        const from = sampleHead(before.log, 520);
        const { log } = from;
        await append(store, "d", 3);
        await store.commit({
          rows: [],
          heads: [],
          subtrees: [{ log, level: 1, index: 0, root: root(1) }],
          damage: [{ log, sequence: 7, damaged: true }],
          signed: ["c", "d"].map((contextId) => ({ contextId, generation: 1, size: 3, root: root(2) })),
          logged: [{ contextId: "c", size: 520 }],
          replicas: [sampleReplica("c", 520), sampleReplica("d", 3)],
          forks: [sampleFork("c", 520)],
        });
        const outcome = await store.commit({ rows: [], heads: [], drops: [{ contextId: "c", from }] });
        expect(outcome.kind).toBe("committed");
        expect(await store.head("c")).toBeUndefined();
        expect(
          (await store.list({ prefix: "", startAfter: "", limit: 9 })).map((row) => row.contextId),
        ).toEqual(["d"]);
        expect(await store.replicas("", 9)).toEqual([sampleReplica("d", 3)]);
        expect(await store.signedHead("c")).toBeUndefined();
        expect(await store.signedHead("d")).toBeDefined();
        expect((await store.subtreeRoots(log, 1, 0, 9)).length).toBe(0);
        expect(await store.damaged(9)).toEqual([]);
        expect(await store.totals()).toEqual({ contexts: 1, entries: 3, bytes: 48 });
        let steps = 1;
        while (await store.discard(log, 0)) steps += 1;
        expect(steps).toBe(3);
        expect(await sequencesOf(store, log)).toEqual([]);
        expect((await sequencesOf(store, archive)).length).toBe(80);
        expect((await store.archives("c", 9)).length).toBe(1);
        expect(await store.forks("c", 9)).toEqual([sampleFork("c", 520)]);
      }));

    test("of a context that is not there takes out what is kept beside it", () =>
      withStore(async (store) => {
        await store.commit({ rows: [], heads: [], replicas: [sampleReplica("c", 0)] });
        await store.commit({ rows: [], heads: [], drops: [{ contextId: "c", from: undefined }] });
        expect(await store.replica("c")).toBeUndefined();
        expect(await store.totals()).toEqual({ contexts: 0, entries: 0, bytes: 0 });
      }));

    test("leaves a context that can be created again, also before its rows are discarded", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5, { id: "x" });
        await store.commit({ rows: [], heads: [], logged: [{ contextId: "c", size: 5 }] });
        await store.commit({ rows: [], heads: [], drops: [{ contextId: "c", from }] });
        const again = await append(store, "c", 5);
        expect(again.log).not.toBe(from.log);
        expect((await store.unlogged(9)).map(({ contextId }) => contextId)).toEqual(["c"]);
        while (await store.discard(from.log, 0));
        expect(await sequencesOf(store, from.log)).toEqual([]);
        expect(await sequencesOf(store, again.log)).toEqual([1, 2, 3, 4, 5]);
        expect(await store.findByIds(again.log, ["x"])).toEqual(new Map());
        expect(await store.totals()).toEqual({ contexts: 1, entries: 5, bytes: 80 });
      }));

    test("goes before everything else that its commit has of the context", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const log = store.newLog();
        const signed = { contextId: "c", generation: 2, size: 2, root: root(2) };
        const outcome = await store.commit({
          ...sampleAppend("c", undefined, log, 2),
          truncations: [sampleTruncation("c", from, 3, store.newLog())],
          drops: [{ contextId: "c", from: sampleHead(from.log, 3) }],
          replicas: [sampleReplica("c", 2)],
          signed: [signed],
        });
        expect(outcome.kind).toBe("committed");
        expect(await store.head("c")).toEqual(sampleHead(log, 2));
        expect(await store.replica("c")).toEqual(sampleReplica("c", 2));
        expect(await store.signedHead("c")).toEqual(signed);
        expect((await store.archives("c", 9)).map(({ first, last }) => [first, last])).toEqual([[4, 5]]);
        expect(await store.totals()).toEqual({ contexts: 1, entries: 2, bytes: 32 });
        while (await store.discard(from.log, 0));
        expect(await sequencesOf(store, from.log)).toEqual([]);
        expect(await sequencesOf(store, log)).toEqual([1, 2]);
      }));

    test("lets rows that were staged behind the head be discarded with the others", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 2);
        await store.commit({ rows: sampleRows(from.log, 3, 4), heads: [] });
        await store.commit({ rows: [], heads: [], drops: [{ contextId: "c", from }] });
        while (await store.discard(from.log, 0));
        expect(await sequencesOf(store, from.log)).toEqual([]);
      }));

    test.each<[string, (head: Head) => Head | undefined]>([
      ["it has other entries", (head) => ({ ...head, latest: 4 })],
      ["it is in another log", (head) => ({ ...head, log: head.log + 1000 })],
      ["it exists", () => undefined],
    ])("answers head-moved and writes nothing if %s", (_name, stale) =>
      withStore(async (store) => {
        const [head, other] = [await append(store, "c", 5), await append(store, "other", 5)];
        const signed = { contextId: "c", generation: 1, size: 5, root: root(5) };
        await store.commit({ rows: [], heads: [], replicas: [sampleReplica("c", 5)], signed: [signed] });
        const drops = [
          { contextId: "other", from: other },
          { contextId: "c", from: stale(head) },
        ];
        expect(await store.commit({ rows: [], heads: [], drops })).toEqual({
          kind: "head-moved",
          contextId: "c",
        });
        expect(await store.head("c")).toEqual(head);
        expect(await store.head("other")).toEqual(other);
        expect(await store.replica("c")).toEqual(sampleReplica("c", 5));
        expect(await store.signedHead("c")).toEqual(signed);
        expect(await store.discard(other.log, 0)).toBe(false);
        expect(await sequencesOf(store, other.log)).toEqual([1, 2, 3, 4, 5]);
        expect(await store.totals()).toEqual({ contexts: 2, entries: 10, bytes: 160 });
      }),
    );

    test("answers head-moved if there is no such context", () =>
      withStore(async (store) => {
        const drops = [{ contextId: "c", from: sampleHead(7, 5) }];
        expect((await store.commit({ rows: [], heads: [], drops })).kind).toBe("head-moved");
      }));
  });
}
