/**
 * What every Store keeps for proofs and checkpoints; a part of `store-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { type Commit, type Head, nodeLogId, type RepeatedId, type Store } from "../../src/ledger/ports.ts";
import { append, sampleAppend, sampleHead, sampleRow, sampleRows } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";
import { testSubtreeContract } from "./store-subtrees-contract.ts";

const root = (seed: number) => new Uint8Array(32).fill(seed);

/** Runs this part of the contract against stores of one implementation. */
export function testStoreIntegrity(withStore: WithStore): void {
  testSubtreeContract(withStore);

  describe("contentHashes()", () => {
    test.each([
      ["all of a log", 1, 10, 1, 10],
      ["at most count", 3, 4, 3, 6],
      ["none for a count of 0", 3, 0, 3, 2],
      ["fewer where rows end", 8, 256, 8, 10],
      ["none after the last", 11, 5, 11, 10],
    ])("returns %s", (_name, first, count, from, through) =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 10);
        await append(store, "neighbour", 30);
        const wanted = sampleRows(log, from, through).map(({ contentHash }) => contentHash);
        expect(await store.contentHashes(log, first, count)).toEqual(Buffer.concat(wanted).subarray());
      }),
    );

    test("returns those of rows that no head covers yet, and of large entries", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 2, { wireBytes: 100_000 });
        await store.commit({ rows: sampleRows(log, 3, 4), heads: [] });
        const fresh = store.newLog();
        await store.commit({ rows: sampleRows(fresh, 1, 2), heads: [] });
        expect((await store.contentHashes(log, 1, 9)).length).toBe(4 * 32);
        const wanted = sampleRows(fresh, 1, 2).map(({ contentHash }) => contentHash);
        expect(await store.contentHashes(fresh, 1, 9)).toEqual(Buffer.concat(wanted).subarray());
      }));

    test("stops before a hash that is none", () =>
      withStore(async (store) => {
        const log = store.newLog();
        const rows = sampleRows(log, 1, 5);
        rows[2] = { ...sampleRow(log, 3), contentHash: new Uint8Array(31) };
        await store.commit({ rows, heads: [] });
        expect((await store.contentHashes(log, 1, 5)).length).toBe(2 * 32);
        expect((await store.contentHashes(log, 3, 5)).length).toBe(0);
        expect((await store.contentHashes(log, 4, 5)).length).toBe(2 * 32);
      }));

    test("knows nothing of a log that is not there", () =>
      withStore(async (store) => {
        expect(await store.contentHashes(12_345, 1, 5)).toEqual(new Uint8Array(0));
      }));
  });

  describe("newestOfKey()", () => {
    test.each([
      ["the last row of the key", "even", 99, 10],
      ["the last up to the given sequence, inclusive", "even", 6, 6],
      ["the last before it", "even", 7, 6],
      ["nothing before the first", "even", 1, undefined],
      ["nothing of a key nobody used", "eve", 99, undefined],
    ])("returns %s", (_name, key, through, sequence) =>
      withStore(async (store) => {
        const log = store.newLog();
        const rows = sampleRows(log, 1, 10).map((row) => ({
          ...row,
          key: row.sequence % 2 ? "odd" : "even",
        }));
        await store.commit({ rows, heads: [{ contextId: "c", from: undefined, to: sampleHead(log, 10) }] });
        await append(store, "neighbour", 20, { key: "even" });
        const { contentHash, wire } = sampleRow(log, sequence ?? 0);
        const wanted = sequence === undefined ? undefined : { sequence, contentHash, wire };
        expect(await store.newestOfKey(log, key, through)).toEqual(wanted);
      }),
    );
  });

  describe("repeatedId()", () => {
    const idOf = (number: number) => `id-${String(number).padStart(6, "0")}`;
    async function look(store: Store, log: number): Promise<{ looks: number; last: RepeatedId }> {
      let last = await store.repeatedId(log, "");
      let looks = 1;
      for (; last.kind === "more"; looks += 1) last = await store.repeatedId(log, last.after);
      return { looks, last };
    }

    test.each([
      ["no ids", [], { kind: "none" }],
      ["different ids", ["b", "a", "ab", "", "é", "\u{10000}"], { kind: "none" }],
      ["one that is there twice", ["b", "é", "a", "é"], { kind: "found", id: "é" }],
      ["an empty one that is there twice", ["", "a", ""], { kind: "found", id: "" }],
    ] as const)("looks at rows with %s", (_name, ids, wanted) =>
      withStore(async (store) => {
        const log = store.newLog();
        const rows = ids.map((id, index) => sampleRow(log, index + 1, { id }));
        await store.commit({ rows: [...rows, ...sampleRows(log, ids.length + 1, 9)], heads: [] });
        await append(store, "neighbour", 3, { id: "b" });
        expect((await look(store, log)).last).toEqual(wanted);
      }),
    );

    test.each([
      ["nothing twice", 20_000, { kind: "none" }],
      ["its last id twice", 19_999, { kind: "found", id: idOf(19_999) }],
    ] as const)("looks at a bounded number of many rows, with %s", (_name, last, wanted) =>
      withStore(async (store) => {
        const log = store.newLog();
        const rows = Array.from({ length: 20_000 }, (_, index) =>
          sampleRow(log, index + 1, { id: idOf(Math.min(last, index + 1)), wireBytes: 1 }),
        );
        await store.commit({ rows, heads: [] });
        const found = await look(store, log);
        expect(found.last).toEqual(wanted);
        expect(found.looks).toBeGreaterThan(1);
        expect(found.looks).toBeLessThan(10);
      }),
    );

    test("finds a pair wherever one look ends and the next begins", () =>
      withStore(async (store) => {
        const log = store.newLog();
        const ids = Array.from({ length: 9000 }, (_, index) => idOf(index));
        await store.commit({
          rows: ids.map((id, i) => sampleRow(log, i + 1, { id, wireBytes: 1 })),
          heads: [],
        });
        const first = await store.repeatedId(log, "");
        const after = first.kind === "more" ? first.after : "";
        expect(after).not.toBe("");
        await store.commit({ rows: [sampleRow(log, 9001, { id: after })], heads: [] });
        expect((await look(store, log)).last).toEqual({ kind: "found", id: after });
      }));
  });

  describe("signedHead()", () => {
    test("returns the newest of each context, and of the log of logs", () =>
      withStore(async (store) => {
        const signed = [
          { contextId: "c", generation: 1, size: 5, root: root(5) },
          { contextId: nodeLogId, generation: 1, size: 2 ** 50, root: root(6) },
        ];
        expect(await store.signedHead("c")).toBeUndefined();
        expect(await store.signedHead(nodeLogId)).toBeUndefined();
        expect((await store.commit({ rows: [], heads: [], signed })).kind).toBe("committed");
        for (const head of signed) expect(await store.signedHead(head.contextId)).toEqual(head);
        const next = { contextId: "c", generation: 2, size: 3, root: root(7) };
        await store.commit({ rows: [], heads: [], signed: [next] });
        expect(await store.signedHead("c")).toEqual(next);
        expect(await store.signedHead("d")).toBeUndefined();
      }));
  });

  describe("unlogged()", () => {
    const idsOf = async (store: Store, limit = 10) =>
      (await store.unlogged(limit)).map(({ contextId }) => contextId);
    const logged = (contextId: string, size: number): Commit => ({
      rows: [],
      heads: [],
      logged: [{ contextId, size }],
    });

    test("returns contexts with their heads, in the byte order of their ids", () =>
      withStore(async (store) => {
        const heads = new Map<string, Head>();
        for (const id of ["b", "a\u{10000}", "a\uFFFD", "a"]) heads.set(id, await append(store, id, 2));
        const wanted = ["a", "a\uFFFD", "a\u{10000}", "b"];
        const found = await store.unlogged(10);
        expect(found.map(({ contextId }) => contextId)).toEqual(wanted);
        expect(found.map(({ head }) => head)).toEqual(wanted.map((id) => heads.get(id) as Head));
        expect(await idsOf(store, 3)).toEqual(wanted.slice(0, 3));
      }));

    test("leaves a context out until it grows again", () =>
      withStore(async (store) => {
        await append(store, "a", 2);
        await append(store, "b", 2);
        await store.commit(logged("a", 2));
        expect(await idsOf(store)).toEqual(["b"]);
        const from = await append(store, "a", 1);
        expect(await idsOf(store)).toEqual(["a", "b"]);
        await append(store, "a", 1);
        expect((await store.unlogged(1))[0]?.head).toEqual(sampleHead(from.log, 4));
        await store.commit(logged("a", 4));
        expect(await idsOf(store)).toEqual(["b"]);
      }));

    test("keeps a context that had grown when the log of logs caught up", () =>
      withStore(async (store) => {
        await append(store, "a", 2);
        await append(store, "a", 1);
        await store.commit(logged("a", 2));
        expect(await idsOf(store)).toEqual(["a"]);
      }));

    test("takes no head for growth that adds no entries, and a new log for growth", () =>
      withStore(async (store) => {
        const head = await append(store, "a", 2);
        await store.commit(logged("a", 2));
        const touched = { ...head, lamport: 99n };
        await store.commit({ rows: [], heads: [{ contextId: "a", from: head, to: touched }] });
        expect(await idsOf(store)).toEqual([]);
        const log = store.newLog();
        const heads = [{ contextId: "a", from: touched, to: sampleHead(log, 3) }];
        expect((await store.commit({ rows: sampleRows(log, 1, 3), heads })).kind).toBe("committed");
        expect(await idsOf(store)).toEqual(["a"]);
      }));
  });

  describe("damaged()", () => {
    test("returns marked entries until they are well again", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 9);
        const mark = (sequence: number, damaged = true) => ({ log, sequence, damaged });
        await store.commit({ rows: [], heads: [], damage: [mark(7), mark(3), mark(9), mark(3)] });
        expect(await store.damaged(10)).toEqual([3, 7, 9].map((sequence) => ({ log, sequence })));
        expect(await store.damaged(2)).toEqual([3, 7].map((sequence) => ({ log, sequence })));
        await store.commit({ rows: [], heads: [], damage: [mark(7, false), mark(4, false)] });
        expect(await store.damaged(10)).toEqual([3, 9].map((sequence) => ({ log, sequence })));
      }));

    test("forgets entries that were discarded, and takes no marks of rows that are not there", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 3);
        await store.commit({ rows: sampleRows(log, 4, 6), heads: [] });
        const damage = [2, 3, 4, 6, 7].map((sequence) => ({ log, sequence, damaged: true }));
        await store.commit({ rows: [], heads: [], damage });
        expect((await store.damaged(10)).map(({ sequence }) => sequence)).toEqual([2, 3, 4, 6]);
        while (await store.discard(log, 0));
        expect((await store.damaged(10)).map(({ sequence }) => sequence)).toEqual([2, 3]);
      }));
  });

  describe("the context of the log of logs", () => {
    test("has a head and rows like any other, and is never listed or counted", () =>
      withStore(async (store) => {
        const head = await append(store, nodeLogId, 3);
        const next = await append(store, nodeLogId, 2);
        expect(await store.head(nodeLogId)).toEqual(next);
        expect((await store.contentHashes(head.log, 1, 9)).length).toBe(5 * 32);
        expect(await store.list({ prefix: "", startAfter: "", limit: 10 })).toEqual([]);
        expect(await store.unlogged(10)).toEqual([]);
        expect(await store.totals()).toEqual({ contexts: 0, entries: 0, bytes: 0 });
        await append(store, "c", 1);
        const ids = (await store.list({ prefix: "", startAfter: "", limit: 10 })).map((row) => row.contextId);
        expect(ids).toEqual(["c"]);
        expect(await store.totals()).toEqual({ contexts: 1, entries: 1, bytes: 16 });
      }));
  });

  test("a commit whose head has moved writes nothing of what belongs to it", () =>
    withStore(async (store) => {
      const head = await append(store, "c", 300);
      const { log } = head;
      const stale = sampleAppend("c", { ...head, latest: 299 }, log, 301);
      const outcome = await store.commit({
        ...stale,
        subtrees: [{ log, level: 1, index: 0, root: root(1) }],
        signed: [{ contextId: "c", generation: 1, size: 300, root: root(2) }],
        logged: [{ contextId: "c", size: 300 }],
        damage: [{ log, sequence: 5, damaged: true }],
      });
      expect(outcome.kind).toBe("head-moved");
      expect((await store.subtreeRoots(log, 1, 0, 9)).length).toBe(0);
      expect(await store.signedHead("c")).toBeUndefined();
      expect((await store.unlogged(9)).length).toBe(1);
      expect(await store.damaged(9)).toEqual([]);
    }));

  test("a commit with rows and all that belongs to them is one", () =>
    withStore(async (store) => {
      const log = store.newLog();
      const commit = sampleAppend("c", undefined, log, 256);
      const signed = { contextId: "c", generation: 1, size: 256, root: root(2) };
      await store.commit({
        ...commit,
        subtrees: [{ log, level: 1, index: 0, root: root(1) }],
        signed: [signed],
        logged: [{ contextId: "c", size: 256 }],
        damage: [{ log, sequence: 256, damaged: true }],
      });
      expect(await store.subtreeRoots(log, 1, 0, 9)).toEqual(root(1));
      expect(await store.signedHead("c")).toEqual(signed);
      expect(await store.unlogged(9)).toEqual([]);
      expect(await store.damaged(9)).toEqual([{ log, sequence: 256 }]);
    }));

  test("nodeId() returns the same 16 bytes each time, which belong to the receiver", () =>
    withStore(async (store) => {
      const first = await store.nodeId();
      expect(first.length).toBe(16);
      const kept = first.slice();
      first.fill(0xee);
      expect(await store.nodeId()).toEqual(kept);
    }));
}
