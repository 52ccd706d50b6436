/**
 * What every Store does. Each implementation runs these tests in a file of its own.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { type Head, type Store, StoreError } from "../../src/ledger/ports.ts";
import {
  append,
  sampleAppend,
  sampleHead,
  sampleRow,
  sampleRows,
  sequencesOf,
  wholeLog,
} from "./sample-rows.ts";
import { testStoreDrops } from "./store-drop-contract.ts";
import { testStoreIntegrity } from "./store-integrity-contract.ts";
import { testStoreRepairs } from "./store-repair-contract.ts";
import { testStoreReplicas } from "./store-replica-contract.ts";
import { testStoreRoster } from "./store-roster-contract.ts";
import { testStoreReads } from "./store-reads-contract.ts";
import { testStoreTruncations } from "./store-truncation-contract.ts";

/** Opens a store, hands it over and closes it again. */
export type WithStore = (use: (store: Store) => Promise<void>) => Promise<void>;

/** Runs the contract against stores of one implementation. */
export function testStoreContract(withStore: WithStore): void {
  testStoreReads(withStore);
  testStoreIntegrity(withStore);
  testStoreRoster(withStore);
  testStoreReplicas(withStore);
  testStoreTruncations(withStore);
  testStoreDrops(withStore);
  testStoreRepairs(withStore);

  describe("commit()", () => {
    test("makes rows and head readable as they were given", () =>
      withStore(async (store) => {
        const log = store.newLog();
        const head: Head = {
          log,
          latest: 2,
          lamport: 2n ** 62n,
          appendedAtNs: 2n ** 63n - 1n,
          bytes: Number.MAX_SAFE_INTEGER,
          createdAtNs: 1n,
        };
        const rows = [sampleRow(log, 1, { key: "ключ 🔑" }), sampleRow(log, 2, { wireBytes: 100_000 })];
        const outcome = await store.commit({ rows, heads: [{ contextId: "c", from: undefined, to: head }] });
        expect(outcome).toEqual({ kind: "committed", syncMicros: expect.any(Number) });
        expect(await store.head("c")).toEqual(head);
        const wanted = rows.map(({ sequence, contentHash, wire }) => ({ sequence, contentHash, wire }));
        expect(await store.read({ ...wholeLog, log })).toEqual(wanted);
        expect(await store.read({ ...wholeLog, log, key: "ключ 🔑" })).toEqual(wanted.slice(0, 1));
      }));

    test("keeps empty keys, hashes and wires apart from missing ones", () =>
      withStore(async (store) => {
        const log = store.newLog();
        const empty = new Uint8Array(0);
        const row = { log, sequence: 1, key: "", findableId: "", contentHash: empty, wire: empty };
        await store.commit({
          rows: [row],
          heads: [{ contextId: "c", from: undefined, to: sampleHead(log, 1) }],
        });
        const entry = { sequence: 1, contentHash: empty, wire: empty };
        expect(await store.read({ ...wholeLog, log, key: "" })).toEqual([entry]);
        expect(await store.findByIds(log, [""])).toEqual(new Map([["", entry]]));
      }));

    test("writes many contexts at once, interleaved", () =>
      withStore(async (store) => {
        const logs = [store.newLog(), store.newLog(), store.newLog()];
        const rows = [1, 2, 3].flatMap((sequence) => logs.map((log) => sampleRow(log, sequence)));
        const heads = logs.map((log) => ({ contextId: `c${log}`, from: undefined, to: sampleHead(log, 3) }));
        await store.commit({ rows, heads });
        for (const log of logs) expect(await sequencesOf(store, log)).toEqual([1, 2, 3]);
        expect(await store.totals()).toEqual({ contexts: 3, entries: 9, bytes: 144 });
      }));

    test("moves a head that changes without new rows", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 2);
        const to = { ...from, lamport: 99n };
        await store.commit({ rows: [], heads: [{ contextId: "c", from, to }] });
        expect(await store.head("c")).toEqual(to);
      }));

    test("takes an empty commit", () =>
      withStore(async (store) => {
        expect((await store.commit({ rows: [], heads: [] })).kind).toBe("committed");
      }));

    test.each([
      ["the context exists", (_head: Head, log: number) => sampleAppend("c", undefined, log, 1)],
      ["it has more entries", (head: Head) => sampleAppend("c", { ...head, latest: 1 }, head.log, 2)],
      ["it has fewer entries", (head: Head) => sampleAppend("c", { ...head, latest: 3 }, head.log, 4)],
      ["it is in another log", (head: Head, log: number) => sampleAppend("c", { ...head, log }, log, 3)],
      ["there is no such context", (head: Head, log: number) => sampleAppend("d", { ...head, log }, log, 3)],
    ] as const)("answers head-moved and writes nothing if %s", (_name, commitOn) =>
      withStore(async (store) => {
        const head = await append(store, "c", 2);
        const log = store.newLog();
        const bystander = sampleAppend("other", undefined, store.newLog(), 1);
        const stale = commitOn(head, log);
        const commit = {
          rows: [...bystander.rows, ...stale.rows],
          heads: [...bystander.heads, ...stale.heads],
        };
        expect(await store.commit(commit)).toEqual({
          kind: "head-moved",
          contextId: stale.heads[0]?.contextId ?? "",
        });
        expect(await store.head("c")).toEqual(head);
        expect(await store.head("other")).toBeUndefined();
        expect(await sequencesOf(store, head.log)).toEqual([1, 2]);
        expect(await sequencesOf(store, log)).toEqual([]);
        expect(await store.totals()).toEqual({ contexts: 1, entries: 2, bytes: 32 });
        expect((await append(store, "c", 1)).latest).toBe(3);
      }),
    );

    test.each([
      ["a head over rows that are missing", 1, 3],
      ["rows that begin too late", 2, 2],
    ])("refuses %s, and writes nothing", (_name, first, latest) =>
      withStore(async (store) => {
        const log = store.newLog();
        const rows = sampleRows(log, first, 2);
        const heads = [{ contextId: "c", from: undefined, to: sampleHead(log, latest) }];
        const failure = await store.commit({ rows, heads }).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(StoreError);
        expect(failure).toMatchObject({ failure: "closed" });
        expect(await store.head("c")).toBeUndefined();
        expect(await sequencesOf(store, log)).toEqual([]);
      }),
    );

    test("publishes rows that earlier commits staged", () =>
      withStore(async (store) => {
        const log = store.newLog();
        await store.commit({ rows: sampleRows(log, 1, 3), heads: [] });
        await store.commit({ rows: sampleRows(log, 4, 5), heads: [] });
        expect(await store.list({ prefix: "", startAfter: "", limit: 10 })).toEqual([]);
        expect(await store.totals()).toEqual({ contexts: 0, entries: 0, bytes: 0 });
        const heads = [{ contextId: "c", from: undefined, to: sampleHead(log, 6) }];
        await store.commit({ rows: sampleRows(log, 6, 6), heads });
        expect(await sequencesOf(store, log)).toEqual([1, 2, 3, 4, 5, 6]);
        expect(await store.totals()).toEqual({ contexts: 1, entries: 6, bytes: 96 });
      }));

    test("adds rows staged behind an existing head", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 2);
        await store.commit({ rows: sampleRows(from.log, 3, 4, { id: "x" }), heads: [] });
        expect(await store.findByIds(from.log, ["x"])).toEqual(new Map());
        const to = sampleHead(from.log, 4);
        await store.commit({ rows: [], heads: [{ contextId: "c", from, to }] });
        expect([...(await store.findByIds(from.log, ["x"])).values()].map((entry) => entry.sequence)).toEqual(
          [3],
        );
      }));

    test("moves a context to another log, and its totals with it", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 2);
        const log = store.newLog();
        await store.commit({ rows: sampleRows(log, 1, 5), heads: [] });
        const heads = [{ contextId: "c", from, to: sampleHead(log, 5) }];
        expect((await store.commit({ rows: [], heads })).kind).toBe("committed");
        expect(await store.head("c")).toEqual(sampleHead(log, 5));
        expect(await store.totals()).toEqual({ contexts: 1, entries: 5, bytes: 80 });
        while (await store.discard(from.log, 0));
        expect(await sequencesOf(store, from.log)).toEqual([]);
        expect(await sequencesOf(store, log)).toEqual([1, 2, 3, 4, 5]);
      }));
  });

  describe("discard()", () => {
    test("deletes staged rows in bounded steps", () =>
      withStore(async (store) => {
        const log = store.newLog();
        await store.commit({ rows: sampleRows(log, 1, 600, { id: "x" }), heads: [] });
        let steps = 1;
        while (await store.discard(log, 0)) steps += 1;
        expect(steps).toBe(3);
        expect(await sequencesOf(store, log)).toEqual([]);
      }));

    test("keeps what a head covers, whatever it is asked for", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 3);
        await store.commit({ rows: sampleRows(log, 4, 9), heads: [] });
        expect(await store.discard(log, 0)).toBe(false);
        expect(await sequencesOf(store, log)).toEqual([1, 2, 3]);
      }));

    test("keeps staged rows up to the given one, which can then be published", () =>
      withStore(async (store) => {
        const log = store.newLog();
        await store.commit({ rows: sampleRows(log, 1, 9), heads: [] });
        await store.discard(log, 4);
        await store.commit({ rows: sampleRows(log, 5, 6), heads: [] });
        const heads = [{ contextId: "c", from: undefined, to: sampleHead(log, 6) }];
        expect((await store.commit({ rows: [], heads })).kind).toBe("committed");
        expect(await sequencesOf(store, log)).toEqual([1, 2, 3, 4, 5, 6]);
      }));

    test("forgets the ids of deleted rows", () =>
      withStore(async (store) => {
        const log = store.newLog();
        await store.commit({ rows: [sampleRow(log, 1, { id: "old" })], heads: [] });
        await store.discard(log, 0);
        const rows = [sampleRow(log, 1, { id: "new" })];
        await store.commit({ rows, heads: [{ contextId: "c", from: undefined, to: sampleHead(log, 1) }] });
        expect([...(await store.findByIds(log, ["old", "new"])).keys()]).toEqual(["new"]);
      }));

    test("answers false for a log that is not there", () =>
      withStore(async (store) => {
        expect(await store.discard(12_345, 0)).toBe(false);
      }));
  });

  test("newLog() never returns a number twice", () =>
    withStore(async (store) => {
      const logs = Array.from({ length: 1000 }, () => store.newLog());
      expect(new Set(logs).size).toBe(1000);
    }));

  test("head() and totals() of an empty store know nothing", () =>
    withStore(async (store) => {
      expect(await store.head("c")).toBeUndefined();
      expect(await store.totals()).toEqual({ contexts: 0, entries: 0, bytes: 0 });
    }));
}
