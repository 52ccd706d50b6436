import { describe, expect, test } from "bun:test";
import type { StoredEntry } from "../../src/ledger/ports.ts";
import { snapshotOf } from "../support/ledger-snapshot.ts";
import { appendMany, factsOf, ledgerWorld } from "../support/ledger-world.ts";

/** A ledger whose context "c" has 1,200 entries, of which one is not read as it was written. */
async function damagedAt(sequence: number, damage: (row: StoredEntry) => StoredEntry) {
  const world = ledgerWorld();
  await appendMany(world.ledger, "c", 1200);
  await appendMany(world.ledger, "whole", 3);
  world.store.editPage = (page) =>
    page.map((row) => (page.length > 100 && row.sequence === sequence ? damage(row) : row));
  return world;
}

function withBit(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

describe("snapshot() of a context with a damaged entry", () => {
  const damages: [name: string, sequence: number, damage: (row: StoredEntry) => StoredEntry][] = [
    ["the last byte", 1, (row) => ({ ...row, wire: withBit(row.wire, row.wire.length - 1) })],
    ["its id", 600, (row) => ({ ...row, wire: withBit(row.wire, 5) })],
    ["its payload", 600, (row) => ({ ...row, wire: withBit(row.wire, 2 + 32 + 2 + 5 + 2) })],
    ["a tag", 513, (row) => ({ ...row, wire: withBit(row.wire, 0) })],
    ["its hash", 1200, (row) => ({ ...row, contentHash: withBit(row.contentHash, 31) })],
    ["its length", 1200, (row) => ({ ...row, wire: row.wire.slice(0, -1) })],
  ];
  test.each(damages)("in %s ends with DATA_LOSS that names it", async (_name, sequence, damage) => {
    const { ledger } = await damagedAt(sequence, damage);
    expect(await factsOf(snapshotOf(ledger, "c"))).toMatchObject({
      code: "DATA_LOSS",
      reason: "ENTRY_DAMAGED",
      value: sequence,
      sequence,
    });
    expect((await snapshotOf(ledger, "whole")).length).toBeGreaterThan(200);
  });

  test("never sends its end, so that what was sent before is no snapshot", async () => {
    const { ledger } = await damagedAt(1200, (row) => ({ ...row, wire: withBit(row.wire, 5) }));
    const kinds: string[] = [];
    const reading = async () => {
      for await (const part of ledger.snapshot("c")) kinds.push(part.kind);
    };
    expect(await factsOf(reading)).toMatchObject({ reason: "ENTRY_DAMAGED" });
    expect(kinds).not.toContain("summary");
  });
});
