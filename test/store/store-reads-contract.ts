/**
 * What every Store answers to reads; the other half of `store-contract.ts`.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../src/core/utf8.ts";
import { compareBytes } from "../../src/store/compare-bytes.ts";
import { append, sampleHead, sampleRows, wholeLog } from "./sample-rows.ts";
import type { WithStore } from "./store-contract.ts";

/** Runs the contract of reads against stores of one implementation. */
export function testStoreReads(withStore: WithStore): void {
  describe("read()", () => {
    test.each([
      ["nothing after the last", { after: 10 }, []],
      ["nothing of an empty range", { after: 5, through: 5 }, []],
      ["after exclusive and through inclusive", { after: 2, through: 4 }, [3, 4]],
      ["at most entriesMax", { entriesMax: 3 }, [1, 2, 3]],
      ["up to the row that reaches bytesMax", { bytesMax: 33 }, [1, 2, 3]],
      ["one row however small bytesMax is", { bytesMax: 1 }, [1]],
      ["only rows with the key", { key: "even" }, [2, 4, 6, 8, 10]],
      ["rows with the key in the range", { key: "even", after: 2, through: 8, entriesMax: 2 }, [4, 6]],
      ["no rows of a key nobody used", { key: "eve" }, []],
    ])("returns %s", (_name, range, sequences) =>
      withStore(async (store) => {
        const log = store.newLog();
        const rows = sampleRows(log, 1, 10).map((row) => ({
          ...row,
          key: row.sequence % 2 ? "odd" : "even",
        }));
        await store.commit({ rows, heads: [{ contextId: "c", from: undefined, to: sampleHead(log, 10) }] });
        await append(store, "neighbour", 3);
        const page = await store.read({ ...wholeLog, log, ...range });
        expect(page.map(({ sequence }) => sequence)).toEqual(sequences);
      }),
    );

    test("returns arrays that belong to the receiver", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 1);
        const [first] = await store.read({ ...wholeLog, log });
        const before = first?.wire.slice();
        first?.wire.fill(0xff);
        expect((await store.read({ ...wholeLog, log }))[0]?.wire).toEqual(before ?? new Uint8Array());
      }));
  });

  describe("findByIds()", () => {
    test("returns the entries that have one of the ids, and no others", () =>
      withStore(async (store) => {
        const log = store.newLog();
        const rows = sampleRows(log, 1, 4).map((row) => ({ ...row, findableId: `id-${row.sequence}` }));
        await store.commit({ rows, heads: [{ contextId: "c", from: undefined, to: sampleHead(log, 4) }] });
        const found = await store.findByIds(log, ["id-3", "id-9", "id-1"]);
        expect([...found].map(([id, { sequence }]) => [id, sequence])).toEqual([
          ["id-3", 3],
          ["id-1", 1],
        ]);
        expect(await store.findByIds(log, [])).toEqual(new Map());
        expect(await store.findByIds(store.newLog(), ["id-1"])).toEqual(new Map());
      }));

    test("returns the first of two entries with the same id", () =>
      withStore(async (store) => {
        const { log } = await append(store, "c", 3, { id: "same" });
        expect((await store.findByIds(log, ["same"])).get("same")?.sequence).toBe(1);
      }));
  });

  describe("list()", () => {
    test("returns contexts in the byte order of their ids, by prefix, page by page", () =>
      withStore(async (store) => {
        for (const id of ["b", "a", "ab", "a\u{10000}", "a\uFFFD", "a/1"]) await append(store, id, 1);
        const ids = async (prefix: string, startAfter: string, limit: number) =>
          (await store.list({ prefix, startAfter, limit })).map(({ contextId }) => contextId);
        expect(await ids("", "", 10)).toEqual(["a", "a/1", "ab", "a\uFFFD", "a\u{10000}", "b"]);
        expect(await ids("a", "", 10)).toEqual(["a", "a/1", "ab", "a\uFFFD", "a\u{10000}"]);
        expect(await ids("a", "a", 2)).toEqual(["a/1", "ab"]);
        expect(await ids("a", "b", 10)).toEqual([]);
        expect(await ids("b", "a", 10)).toEqual(["b"]);
        expect(await ids("c", "", 10)).toEqual([]);
      }));

    test("agrees with sorting for any ids, prefixes and pages", () =>
      withStore(async (store) => {
        const idText = fc.string({ unit: "binary", minLength: 1, maxLength: 3 });
        const ids = [...new Set(fc.sample(idText, { numRuns: 60, seed: 1 }))];
        for (const id of ids) await append(store, id, 1);
        const sorted = ids.toSorted((left, right) => compareBytes(encodeUtf8(left), encodeUtf8(right)));
        const bound = fc.oneof(fc.constant(""), fc.constantFrom(...ids), idText);
        await fc.assert(
          fc.asyncProperty(
            bound,
            bound,
            fc.integer({ min: 1, max: 70 }),
            async (prefix, startAfter, limit) => {
              const page = await store.list({ prefix, startAfter, limit });
              const wanted = sorted.filter(
                (id) =>
                  id.startsWith(prefix) &&
                  (startAfter === "" || compareBytes(encodeUtf8(id), encodeUtf8(startAfter)) > 0),
              );
              expect(page.map(({ contextId }) => contextId)).toEqual(wanted.slice(0, limit));
            },
          ),
          { seed: 2, numRuns: 100 },
        );
      }));
  });
}
