/**
 * What every Store does with the roots of full subtrees; a part of `store-integrity-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import type { NewSubtree, Store } from "../../src/ledger/ports.ts";
import { append, sampleHead, sampleRows } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";

const rootOf = (index: number, salt = 0) => new Uint8Array(32).fill(1 + index + salt);

function subtrees(log: number, indexes: readonly number[], options = { level: 1, salt: 0 }): NewSubtree[] {
  return indexes.map((index) => ({ log, level: options.level, index, root: rootOf(index, options.salt) }));
}

/** Returns which of the first 20 subtrees of one level are there. */
async function indexesOf(store: Store, log: number, level = 1): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < 20; index += 1) {
    if ((await store.subtreeRoots(log, level, index, 1)).length > 0) found.push(index);
  }
  return found;
}

/** Runs this part of the contract against stores of one implementation. */
export function testSubtreeContract(withStore: WithStore): void {
  describe("subtreeRoots()", () => {
    test.each([
      ["all of a level", 0, 10, [0, 1, 2, 3, 4]],
      ["at most count", 1, 2, [1, 2]],
      ["none for a count of 0", 1, 0, []],
      ["none from a missing one on", 5, 3, []],
      ["those after a gap", 6, 9, [6]],
    ])("returns %s", (_name, first, count, indexes) =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 7 * 256);
        await store.commit({ rows: [], heads: [], subtrees: subtrees(log, [6, 0, 1, 3, 2, 4]) });
        const wanted = Buffer.concat(indexes.map((index) => rootOf(index))).subarray();
        expect(await store.subtreeRoots(log, 1, first, count)).toEqual(wanted);
      }),
    );

    test("keeps logs and levels apart", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 256);
        const { log: other } = await append(store, "d", 65_536, { wireBytes: 1 });
        const written = [
          ...subtrees(log, [0]),
          ...subtrees(other, [0, 1], { level: 1, salt: 50 }),
          ...subtrees(other, [0], { level: 2, salt: 90 }),
        ];
        await store.commit({ rows: [], heads: [], subtrees: written });
        expect(await store.subtreeRoots(log, 1, 0, 9)).toEqual(rootOf(0));
        expect((await store.subtreeRoots(log, 2, 0, 9)).length).toBe(0);
        expect((await store.subtreeRoots(other, 1, 0, 9)).length).toBe(64);
        expect(await store.subtreeRoots(other, 2, 0, 9)).toEqual(rootOf(0, 90));
      }));

    test("returns the root that was written last", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 256);
        await store.commit({ rows: [], heads: [], subtrees: subtrees(log, [0]) });
        await store.commit({ rows: [], heads: [], subtrees: subtrees(log, [0], { level: 1, salt: 9 }) });
        expect(await store.subtreeRoots(log, 1, 0, 9)).toEqual(rootOf(0, 9));
      }));

    test("returns those of staged rows, also after they are published", () =>
      withStore(async (store) => {
        const log = store.newLog();
        await store.commit({ rows: sampleRows(log, 1, 512), heads: [], subtrees: subtrees(log, [0, 1]) });
        expect(await indexesOf(store, log)).toEqual([0, 1]);
        const heads = [{ contextId: "c", from: undefined, to: sampleHead(log, 512) }];
        await store.commit({ rows: [], heads });
        expect(await indexesOf(store, log)).toEqual([0, 1]);
      }));

    test("has none that reach beyond the rows that are covered or staged", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 511);
        await store.commit({ rows: [], heads: [], subtrees: subtrees(log, [0, 1, 2]) });
        expect(await indexesOf(store, log)).toEqual([0]);
        await store.commit({ rows: sampleRows(log, 512, 767), heads: [], subtrees: subtrees(log, [1, 2]) });
        expect(await indexesOf(store, log)).toEqual([0, 1]);
      }));
  });

  describe("discard()", () => {
    test("deletes the subtrees that reach beyond what is kept, on every level", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 600);
        await store.commit({ rows: sampleRows(log, 601, 65_536, { wireBytes: 1 }), heads: [] });
        const written = [...subtrees(log, [0, 1, 2, 5]), ...subtrees(log, [0], { level: 2, salt: 0 })];
        await store.commit({ rows: [], heads: [], subtrees: written });
        expect(await indexesOf(store, log)).toEqual([0, 1, 2, 5]);
        expect(await indexesOf(store, log, 2)).toEqual([0]);
        await store.discard(log, 768);
        expect(await indexesOf(store, log)).toEqual([0, 1, 2]);
        expect(await indexesOf(store, log, 2)).toEqual([]);
        await store.discard(log, 0);
        expect(await indexesOf(store, log)).toEqual([0, 1]);
      }));

    test("leaves nothing of a log that was replaced, and nothing can be added to it", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 512);
        await store.commit({ rows: [], heads: [], subtrees: subtrees(from.log, [0, 1]) });
        const log = store.newLog();
        await store.commit({
          rows: sampleRows(log, 1, 600),
          heads: [{ contextId: "c", from, to: sampleHead(log, 600) }],
          subtrees: subtrees(log, [0, 1], { level: 1, salt: 9 }),
        });
        const late = { log: from.log, sequence: 1, damaged: true };
        await store.commit({ rows: [], heads: [], damage: [late] });
        while (await store.discard(from.log, 0));
        await store.commit({ rows: [], heads: [], subtrees: subtrees(from.log, [0]), damage: [late] });
        expect(await indexesOf(store, from.log)).toEqual([]);
        expect(await store.damaged(10)).toEqual([]);
        expect(await store.subtreeRoots(log, 1, 1, 1)).toEqual(rootOf(1, 9));
      }));
  });
}
