/**
 * How every Store takes the newest entries out of a context; a part of `store-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import type { Head, Store } from "../../src/ledger/ports.ts";
import { sampleEpoch, sampleReplica, sampleTruncation, truncate } from "./sample-replicas.ts";
import { append, sampleAppend, sampleHead, sampleRows, sequencesOf, wholeLog } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";

const root = (seed: number) => new Uint8Array(32).fill(seed);
const entriesOf = (log: number, first: number, last: number) =>
  sampleRows(log, first, last).map(({ sequence, contentHash, wire }) => ({ sequence, contentHash, wire }));
const unloggedIds = async (store: Store) => (await store.unlogged(10)).map(({ contextId }) => contextId);

/** Returns the archive that a truncation of `sampleTruncation` leaves. */
function archiveOf(contextId: string, log: number, first: number, last: number) {
  const archivedAtNs = 1_700_000_000_000_000_000n + BigInt(log);
  return { contextId, log, first, last, accepted: sampleEpoch(7), archivedAtNs };
}

/** Runs this part of the contract against stores of one implementation. */
export function testStoreTruncations(withStore: WithStore): void {
  describe("a truncation", () => {
    test("moves the newest entries to an archive, as they are", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 9);
        await append(store, "d", 2);
        const archive = await truncate(store, "c", from, 4);
        expect(await store.head("c")).toEqual(sampleHead(from.log, 4));
        expect(await sequencesOf(store, from.log)).toEqual([1, 2, 3, 4]);
        expect(await store.read({ ...wholeLog, log: archive })).toEqual(entriesOf(from.log, 5, 9));
        expect(await store.read({ ...wholeLog, log: archive, after: 6, through: 8, key: "facts" })).toEqual(
          entriesOf(from.log, 7, 8),
        );
        const hashes = entriesOf(from.log, 5, 9).map(({ contentHash }) => contentHash);
        expect(await store.contentHashes(archive, 5, 99)).toEqual(Buffer.concat(hashes).subarray());
        expect((await store.contentHashes(archive, 4, 99)).length).toBe(0);
        expect(await store.archives(undefined, 9)).toEqual([archiveOf("c", archive, 5, 9)]);
        expect(await store.totals()).toEqual({ contexts: 2, entries: 6, bytes: 96 });
        expect((await store.list({ prefix: "", startAfter: "", limit: 9 })).length).toBe(2);
      }));

    test("may leave nothing, and the context can begin again in the same log", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 3, { id: "x" });
        const archive = await truncate(store, "c", from, 0);
        expect(await store.head("c")).toBeUndefined();
        expect(await sequencesOf(store, from.log)).toEqual([]);
        expect(await sequencesOf(store, archive)).toEqual([1, 2, 3]);
        expect(await store.list({ prefix: "", startAfter: "", limit: 9 })).toEqual([]);
        expect(await store.totals()).toEqual({ contexts: 0, entries: 0, bytes: 0 });
        const again = sampleAppend("c", undefined, from.log, 2);
        expect((await store.commit(again)).kind).toBe("committed");
        expect(await sequencesOf(store, from.log)).toEqual([1, 2]);
        expect(await store.findByIds(from.log, ["x"])).toEqual(new Map());
        expect(await store.findByIds(archive, ["x"])).toEqual(new Map());
        expect(await store.totals()).toEqual({ contexts: 1, entries: 2, bytes: 32 });
      }));

    test.each([
      ["over what is left", 4],
      ["over nothing", 0],
    ])("goes before the rows and the head of its commit: %s", (_name, left) =>
      withStore(async (store) => {
        const from = await append(store, "c", 9, { key: "old", id: "x" });
        const archive = store.newLog();
        const truncation = sampleTruncation("c", from, left, archive);
        const rows = sampleRows(from.log, left + 1, 12, { key: "new" });
        const heads = [{ contextId: "c", from: truncation.to, to: sampleHead(from.log, 12) }];
        const replicas = [sampleReplica("c", 12)];
        const outcome = await store.commit({ rows, heads, truncations: [truncation], replicas });
        expect(outcome.kind).toBe("committed");
        expect(await store.head("c")).toEqual(sampleHead(from.log, 12));
        const added = await store.read({ ...wholeLog, log: from.log, key: "new" });
        expect(added.map(({ sequence }) => sequence)).toEqual(rows.map(({ sequence }) => sequence));
        expect(await sequencesOf(store, from.log)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
        expect(await store.read({ ...wholeLog, log: archive, key: "new" })).toEqual([]);
        expect(await store.archives("c", 9)).toEqual([archiveOf("c", archive, left + 1, 9)]);
        expect([...(await store.findByIds(from.log, ["x"])).keys()]).toEqual(left === 0 ? [] : ["x"]);
        expect(await store.replica("c")).toEqual(sampleReplica("c", 12));
        expect(await store.totals()).toEqual({ contexts: 1, entries: 12, bytes: 192 });
        expect((await append(store, "c", 1)).latest).toBe(13);
      }),
    );

    test("may be followed by another log of the same commit", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const log = store.newLog();
        await store.commit({ rows: sampleRows(log, 1, 2), heads: [] });
        const truncations = [sampleTruncation("c", from, 0, store.newLog())];
        const heads = [{ contextId: "c", from: undefined, to: sampleHead(log, 3) }];
        const outcome = await store.commit({ rows: sampleRows(log, 3, 3), heads, truncations });
        expect(outcome.kind).toBe("committed");
        expect(await store.head("c")).toEqual(sampleHead(log, 3));
        expect(await sequencesOf(store, from.log)).toEqual([]);
        expect(await store.totals()).toEqual({ contexts: 1, entries: 3, bytes: 48 });
      }));

    test("may follow another one of the same context", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 9);
        const [first, second] = [store.newLog(), store.newLog()];
        const one = sampleTruncation("c", from, 6, first);
        const two = sampleTruncation("c", sampleHead(from.log, 6), 2, second);
        expect((await store.commit({ rows: [], heads: [], truncations: [one, two] })).kind).toBe("committed");
        expect(await sequencesOf(store, first)).toEqual([7, 8, 9]);
        expect(await sequencesOf(store, second)).toEqual([3, 4, 5, 6]);
        expect(await store.head("c")).toEqual(sampleHead(from.log, 2));
      }));

    test("leaves room for rows to be staged and published above the new head", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        await store.commit({ rows: sampleRows(from.log, 6, 8), heads: [] });
        await truncate(store, "c", from, 2);
        expect(await sequencesOf(store, from.log)).toEqual([1, 2]);
        await store.commit({ rows: sampleRows(from.log, 3, 3), heads: [] });
        await store.commit({ rows: sampleRows(from.log, 4, 4), heads: [] });
        const heads = [{ contextId: "c", from: sampleHead(from.log, 2), to: sampleHead(from.log, 4) }];
        expect((await store.commit({ rows: [], heads })).kind).toBe("committed");
        expect(await sequencesOf(store, from.log)).toEqual([1, 2, 3, 4]);
      }));

    test("stages rows of its own commit", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const truncations = [sampleTruncation("c", from, 2, store.newLog())];
        await store.commit({ rows: sampleRows(from.log, 3, 4), heads: [], truncations });
        expect(await store.head("c")).toEqual(sampleHead(from.log, 2));
        expect(await store.discard(from.log, 0)).toBe(false);
        expect(await sequencesOf(store, from.log)).toEqual([1, 2]);
      }));

    test("forgets subtrees and marks of damage beyond, and takes new ones of what is left", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 600);
        const { log } = from;
        const subtrees = [0, 1].map((index) => ({ log, level: 1, index, root: root(index) }));
        const damage = [5, 511, 512].map((sequence) => ({ log, sequence, damaged: true }));
        await store.commit({ rows: [], heads: [], subtrees, damage });
        const archive = store.newLog();
        const truncations = [sampleTruncation("c", from, 511, archive)];
        const late = { log, level: 1, index: 1, root: root(9) };
        const marks = [510, 512].map((sequence) => ({ log, sequence, damaged: true }));
        await store.commit({ rows: [], heads: [], truncations, subtrees: [late], damage: marks });
        expect(await store.subtreeRoots(log, 1, 0, 9)).toEqual(root(0));
        expect((await store.damaged(9)).map(({ sequence }) => sequence)).toEqual([5, 510, 511]);
        const rows = sampleRows(log, 512, 512);
        const heads = [{ contextId: "c", from: sampleHead(log, 511), to: sampleHead(log, 512) }];
        await store.commit({ rows, heads, subtrees: [late] });
        expect(await store.subtreeRoots(log, 1, 1, 9)).toEqual(root(9));
      }));

    test("takes the context's leaf in the log of logs away, and leaves what was signed", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 4);
        const signed = { contextId: "c", generation: 1, size: 4, root: root(4) };
        await store.commit({ rows: [], heads: [], logged: [{ contextId: "c", size: 4 }], signed: [signed] });
        expect(await unloggedIds(store)).toEqual([]);
        await truncate(store, "c", from, 2);
        expect(await unloggedIds(store)).toEqual(["c"]);
        await append(store, "c", 2);
        expect(await unloggedIds(store)).toEqual(["c"]);
        await store.commit({ rows: [], heads: [], logged: [{ contextId: "c", size: 4 }] });
        expect(await unloggedIds(store)).toEqual([]);
        expect(await store.signedHead("c")).toEqual(signed);
      }));

    test("begins the context again without a leaf in the log of logs", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 2);
        await store.commit({ rows: [], heads: [], logged: [{ contextId: "c", size: 2 }] });
        await truncate(store, "c", from, 0);
        expect(await unloggedIds(store)).toEqual([]);
        await append(store, "c", 2);
        expect(await unloggedIds(store)).toEqual(["c"]);
      }));

    test.each([
      ["it has fewer entries", (head: Head) => ({ ...head, latest: head.latest + 1 })],
      ["it has more entries", (head: Head) => ({ ...head, latest: head.latest - 1 })],
      ["it is in another log", (head: Head) => ({ ...head, log: head.log + 1000 })],
    ])("answers head-moved and writes nothing if %s", (_name, stale) =>
      withStore(async (store) => {
        const [head, other] = [await append(store, "c", 5), await append(store, "other", 5)];
        for (const left of [2, 0]) {
          const [first, second] = [store.newLog(), store.newLog()];
          const truncations = [
            sampleTruncation("other", other, left, first),
            sampleTruncation("c", stale(head), left, second),
          ];
          const outcome = await store.commit({
            ...sampleAppend("new", undefined, store.newLog(), 1),
            truncations,
            replicas: [sampleReplica("c", 2)],
          });
          expect(outcome).toEqual({ kind: "head-moved", contextId: "c" });
          expect([await sequencesOf(store, first), await sequencesOf(store, second)]).toEqual([[], []]);
        }
        expect(await store.head("c")).toEqual(head);
        expect(await store.head("other")).toEqual(other);
        expect(await store.head("new")).toBeUndefined();
        expect(await sequencesOf(store, other.log)).toEqual([1, 2, 3, 4, 5]);
        expect(await store.archives(undefined, 9)).toEqual([]);
        expect(await store.replica("c")).toBeUndefined();
        expect(await store.totals()).toEqual({ contexts: 2, entries: 10, bytes: 160 });
        expect((await append(store, "other", 1)).latest).toBe(6);
      }),
    );

    test("answers head-moved if a head change of the same context is based on what it takes away", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const truncations = [sampleTruncation("c", from, 2, store.newLog())];
        const next = sampleAppend("c", from, from.log, 6);
        expect(await store.commit({ ...next, truncations })).toEqual({ kind: "head-moved", contextId: "c" });
        expect(await store.head("c")).toEqual(from);
        expect(await store.archives("c", 9)).toEqual([]);
      }));

    test("that is refused for its rows writes nothing", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const truncations = [sampleTruncation("c", from, 2, store.newLog())];
        const commit = { rows: sampleRows(from.log, 6, 6), heads: [], truncations };
        const failure = await store.commit(commit).catch((error: unknown) => error);
        expect(failure).toMatchObject({ name: "StoreError", failure: "closed" });
        expect(await store.head("c")).toEqual(from);
        expect(await sequencesOf(store, from.log)).toEqual([1, 2, 3, 4, 5]);
        expect(await store.archives("c", 9)).toEqual([]);
        expect((await append(store, "c", 1)).latest).toBe(6);
      }));
  });

  describe("an archive", () => {
    test("is neither discarded, nor added to, nor named by a head", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const archive = await truncate(store, "c", from, 2);
        expect(await store.discard(archive, 0)).toBe(false);
        const heads = [{ contextId: "d", from: undefined, to: sampleHead(archive, 5) }];
        for (const commit of [
          { rows: [], heads },
          { rows: sampleRows(archive, 1, 2), heads: [] },
          { rows: sampleRows(archive, 6, 6), heads: [] },
          { rows: sampleRows(archive, 1, 5), heads },
        ]) {
          const failure = await store.commit(commit).catch((error: unknown) => error);
          expect(failure).toMatchObject({ message: expect.stringContaining("archive") });
        }
        expect(await store.read({ ...wholeLog, log: archive })).toEqual(entriesOf(from.log, 3, 5));
      }));

    test("is found by its context, by ascending log number, and is not the only one", () =>
      withStore(async (store) => {
        const first = await truncate(store, "c", await append(store, "c", 5), 2);
        const other = await truncate(store, "d", await append(store, "d", 2), 0);
        const second = await truncate(store, "c", await append(store, "c", 1), 1);
        const all = [archiveOf("c", first, 3, 5), archiveOf("d", other, 1, 2), archiveOf("c", second, 2, 3)];
        expect(await store.archives(undefined, 9)).toEqual(all);
        expect(await store.archives(undefined, 2)).toEqual(all.slice(0, 2));
        expect(await store.archives("c", 9)).toEqual(all.filter(({ contextId }) => contextId === "c"));
        expect(await store.archives("c", 1)).toEqual(all.slice(0, 1));
        expect(await store.archives("e", 9)).toEqual([]);
      }));

    test("that is settled is gone, and its rows can be discarded", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 700, { id: "x" });
        const [kept, settled] = [
          await truncate(store, "c", from, 600),
          await truncate(store, "c", sampleHead(from.log, 600), 10),
        ];
        const outcome = await store.commit({ rows: [], heads: [], settled: [settled, 12_345, from.log] });
        expect(outcome.kind).toBe("committed");
        expect(await store.archives("c", 9)).toEqual([archiveOf("c", kept, 601, 700)]);
        let steps = 1;
        while (await store.discard(settled, 0)) steps += 1;
        expect(steps).toBe(3);
        expect(await sequencesOf(store, settled)).toEqual([]);
        expect((await sequencesOf(store, kept)).length).toBe(100);
        expect(await store.discard(from.log, 0)).toBe(false);
        expect((await sequencesOf(store, from.log)).length).toBe(10);
        expect(await store.totals()).toEqual({ contexts: 1, entries: 10, bytes: 160 });
      }));

    test("stays if the commit that would settle it is refused", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const archive = await truncate(store, "c", from, 2);
        const stale = sampleAppend("c", from, from.log, 6);
        expect((await store.commit({ ...stale, settled: [archive] })).kind).toBe("head-moved");
        expect(await store.discard(archive, 0)).toBe(false);
        expect(await sequencesOf(store, archive)).toEqual([3, 4, 5]);
        expect((await store.archives("c", 9)).length).toBe(1);
      }));
  });
}
