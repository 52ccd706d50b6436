/**
 * How every Store writes rows in the place of damaged ones; a part of `store-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import type { NewRow, Store } from "../../src/ledger/ports.ts";
import { truncate } from "./sample-replicas.ts";
import { append, sampleAppend, sampleRow, sampleRows, sequencesOf, wholeLog } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";

/** Returns a row that is told from the one that `sampleRow` gives. */
function other(log: number, sequence: number, options: { key?: string; id?: string } = {}): NewRow {
  const row = sampleRow(log, sequence, { wireBytes: 300, ...options });
  return { ...row, contentHash: new Uint8Array(32).fill(255), wire: row.wire.fill(255) };
}

async function repair(store: Store, ...repairs: NewRow[]): Promise<void> {
  expect((await store.commit({ rows: [], heads: [], repairs })).kind).toBe("committed");
}

async function rowsOf(store: Store, log: number, key?: string): Promise<unknown[]> {
  return await store.read({ ...wholeLog, log, key });
}

const entryOf = ({ sequence, contentHash, wire }: NewRow) => ({ sequence, contentHash, wire });

/** Runs this part of the contract against stores of one implementation. */
export function testStoreRepairs(withStore: WithStore): void {
  describe("a repair", () => {
    test("takes the place of a covered row, and of no other", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 5);
        const neighbour = await append(store, "d", 5);
        await repair(store, other(log, 3));
        const wanted = sampleRows(log, 1, 5).map(entryOf);
        wanted[2] = entryOf(other(log, 3));
        expect(await rowsOf(store, log)).toEqual(wanted);
        expect(await store.contentHashes(log, 3, 1)).toEqual(other(log, 3).contentHash);
        expect(await rowsOf(store, neighbour.log)).toEqual(sampleRows(neighbour.log, 1, 5).map(entryOf));
        expect(await store.head("c")).toMatchObject({ log, latest: 5 });
        expect(await store.totals()).toEqual({ contexts: 2, entries: 10, bytes: 160 });
      }));

    test("is found by its own key and id only, and by the id that it had if it names none", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 3, { key: "old", id: "x" });
        const row = other(log, 2, { key: "new", id: "y" });
        await repair(store, row);
        expect(await rowsOf(store, log, "new")).toEqual([entryOf(row)]);
        expect((await rowsOf(store, log, "old")).length).toBe(2);
        expect((await store.findByIds(log, ["y"])).get("y")).toEqual(entryOf(row));
        expect((await store.findByIds(log, ["x"])).get("x")?.sequence).toBe(1);
        await repair(store, other(log, 2, { key: "new" }));
        expect((await store.findByIds(log, ["y"])).get("y")?.sequence).toBe(2);
      }));

    test("is left out where no head covers its sequence", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 5);
        await store.commit({ rows: sampleRows(log, 6, 7), heads: [] });
        await repair(store, other(log, 6), other(log, 8), other(store.newLog(), 1));
        expect(await store.contentHashes(log, 6, 9)).toEqual(
          Buffer.concat(sampleRows(log, 6, 7).map(({ contentHash }) => contentHash)).subarray(),
        );
        expect(await sequencesOf(store, log)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      }));

    test("is left out of an archive, and of what was taken out", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 5);
        const archive = await truncate(store, "c", from, 2);
        await repair(store, other(archive, 4), other(from.log, 4));
        expect(await rowsOf(store, archive)).toEqual(sampleRows(from.log, 3, 5).map(entryOf));
        expect(await sequencesOf(store, from.log)).toEqual([1, 2]);
      }));

    test("comes after the rows and heads of its commit", () =>
      withStore(async (store) => {
        const from = await append(store, "c", 2);
        const repairs = [other(from.log, 4)];
        await store.commit({ ...sampleAppend("c", from, from.log, 4), repairs });
        expect(await store.contentHashes(from.log, 4, 1)).toEqual(other(from.log, 4).contentHash);
      }));
  });
}
