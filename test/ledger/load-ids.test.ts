/** Snapshots with more ids than are remembered: repeated ones are looked for in the store. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Entry } from "../../src/core/entry.ts";
import { limits } from "../../src/core/limits.ts";
import { loadSnapshot, snapshotOf, snapshotOfEntries } from "../support/ledger-snapshot.ts";
import { appendMany, entriesOf, factsOf, get, ledgerWorld } from "../support/ledger-world.ts";

const idsMax = 100;

/** Loads of these tests remember `idsMax` ids only. */
const named: { snapshotIdsInMemoryMax: number } = limits;
const before = named.snapshotIdsInMemoryMax;
beforeAll(() => {
  named.snapshotIdsInMemoryMax = idsMax;
});
afterAll(() => {
  named.snapshotIdsInMemoryMax = before;
});

function snapshotWithIds(ids: readonly string[]): Uint8Array {
  const entries = ids.map((id, i): Entry => ({
    id,
    key: "k",
    payload: new Uint8Array(0),
    sequence: i + 1,
    appendedAtNs: 1n,
    metadata: [],
    lamport: 0n,
  }));
  return snapshotOfEntries({ contextId: "c" }, entries).bytes;
}

function idsWith(count: number, changes: Readonly<Record<number, string>> = {}): string[] {
  return Array.from({ length: count }, (_, i) => changes[i] ?? `id ${i}`);
}

describe("a load of more entries than ids are remembered", () => {
  const repeated: [name: string, ids: string[], id: string][] = [
    ["among the first", idsWith(3000, { 9: "id 3" }), "id 3"],
    ["far apart", idsWith(3000, { 2999: "id 0" }), "id 0"],
    ["among the last", idsWith(3000, { 2999: "id 2998" }), "id 2998"],
    ["just beyond those that are remembered", idsWith(idsMax + 1, { [idsMax]: "id 50" }), "id 50"],
  ];
  test.each(repeated)("is refused if an id comes twice, %s, and leaves nothing", async (_name, ids, id) => {
    for (const contextId of ["c", "copy"]) {
      const { ledger, store } = ledgerWorld();
      const facts = await factsOf(loadSnapshot(ledger, contextId, snapshotWithIds(ids)));
      expect(facts).toMatchObject({
        code: "INVALID_ARGUMENT",
        reason: "SNAPSHOT_DAMAGED",
        field: "snapshot",
      });
      expect(await get(ledger, contextId)).toMatchObject({ entries: [], latestSequence: 0 });
      expect(store.commits.filter(({ heads }) => heads.length > 0)).toEqual([]);
    }
    const { ledger } = ledgerWorld();
    await expect(loadSnapshot(ledger, "c", snapshotWithIds(ids))).rejects.toThrow(
      new RegExp(`id "${id}"|has the id of`),
    );
  });

  test("is published if no id comes twice, under either id", async () => {
    for (const contextId of ["c", "copy"]) {
      const { ledger } = ledgerWorld();
      const loaded = await loadSnapshot(ledger, contextId, snapshotWithIds(idsWith(3000)));
      expect(loaded).toMatchObject({ entriesAdded: 3000 });
      expect(new Set((await entriesOf(ledger, contextId)).map((entry) => entry.id)).size).toBe(3000);
    }
  });

  test("is refused if an added entry has the id of one that exists", async () => {
    const ids = idsWith(500);
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "c", snapshotWithIds(ids));
    const longer = snapshotWithIds([...ids, "id 200"]);
    expect(await factsOf(loadSnapshot(ledger, "c", longer))).toMatchObject({ reason: "SNAPSHOT_DAMAGED" });
    expect((await get(ledger, "c", { limit: 1 })).latestSequence).toBe(500);
    const good = snapshotWithIds([...ids, "another"]);
    expect(await loadSnapshot(ledger, "c", good)).toMatchObject({ entriesAdded: 1, latestSequence: 501 });
  });

  test("changes nothing if all of its entries exist", async () => {
    const { ledger, store } = ledgerWorld();
    await appendMany(ledger, "c", 300);
    const commits = store.commits.length;
    const loaded = await loadSnapshot(ledger, "c", await snapshotOf(ledger, "c"));
    expect([loaded.entriesAdded, store.commits.length]).toEqual([0, commits]);
  });
});
