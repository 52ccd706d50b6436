import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "bun:test";
import { copiedId } from "../../src/core/entry-id.ts";
import { contentHash } from "../../src/core/entry.ts";
import { hex } from "../../src/core/hex.ts";
import { limits } from "../../src/core/limits.ts";
import type { SnapshotSummary } from "../../src/core/snapshot/snapshot-format.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import ten from "../vectors/first-implementation/snapshots/ten_metadata.json";
import {
  binary,
  firstEntries,
  firstSnapshot,
  rootOfFirst,
  version1,
} from "../core/snapshot/first-implementation-fixtures.ts";
import { loadSnapshot, pieces, snapshotOf } from "../support/ledger-snapshot.ts";
import { append, entriesOf, factsOf, get, hasher, ledgerWorld } from "../support/ledger-world.ts";

function vector(file: string): Uint8Array {
  return readFileSync(join(import.meta.dir, "../vectors/first-implementation/snapshots", file));
}

const blob = vector("ten_metadata.bin");
const seedRoot = `10:${ten.merkle_root}`;

async function summaryOf(ledger: Ledger, contextId: string): Promise<SnapshotSummary | undefined> {
  for await (const part of ledger.snapshot(contextId)) if (part.kind === "summary") return part.summary;
  return undefined;
}

describe("load() of a snapshot of the first implementation", () => {
  test("under its own id makes the same entries, whose seed root is the snapshot's", async () => {
    const { ledger } = ledgerWorld();
    const loaded = await loadSnapshot(ledger, "ten-ctx", blob, {
      failIfExists: true,
      expectedRoot: seedRoot,
    });
    const { entries, resumeToken } = await get(ledger, "ten-ctx");
    expect(loaded).toEqual({
      entriesRestored: 10,
      entriesAdded: 10,
      latestSequence: 10,
      unverified: false,
      resumeToken,
    });
    const decoded = await entriesOf(ledger, "ten-ctx");
    expect(decoded.map(({ id, lamport, appendedAtNs }) => [id, lamport, `${appendedAtNs}`])).toEqual(
      ten.entries.map((entry) => [entry.id, BigInt(entry.lamport_clock), entry.appended_at_ns]),
    );
    expect(entries.map((entry) => hex(entry.contentHash))).toEqual(
      decoded.map((entry) => hex(contentHash("ten-ctx", entry, hasher))),
    );
    const summary = await summaryOf(ledger, "ten-ctx");
    expect(`${summary?.count}:${hex(summary?.seedRoot ?? new Uint8Array(0))}`).toBe(seedRoot);
    expect(await append(ledger, "ten-ctx")).toMatchObject({ sequence: 11, lamport: 11n });
  });

  test("takes the root of either tree for the expected one, and no other", async () => {
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "ten-ctx", blob);
    const root = hex((await summaryOf(ledger, "ten-ctx"))?.root ?? new Uint8Array(0));
    const again = ledgerWorld().ledger;
    expect(await loadSnapshot(again, "ten-ctx", blob, { expectedRoot: `10:${root}` })).toMatchObject({
      entriesAdded: 10,
    });
    for (const expectedRoot of [`9:${ten.merkle_root}`, `10:${"0".repeat(64)}`]) {
      const other = ledgerWorld().ledger;
      expect(await factsOf(loadSnapshot(other, "ten-ctx", blob, { expectedRoot }))).toMatchObject({
        reason: "SNAPSHOT_ROOT_MISMATCH",
        field: "expected_root",
      });
      expect(await entriesOf(other, "ten-ctx")).toEqual([]);
    }
  });

  test("under another id derives ids from the snapshot's context, and twice is a no-op", async () => {
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "copy", blob);
    const ids = (await entriesOf(ledger, "copy")).map(({ id }) => id);
    expect(ids).toEqual(ten.entries.map(({ id }) => copiedId("copy", "ten-ctx", id, hasher)));
    expect(await loadSnapshot(ledger, "copy", blob)).toMatchObject({ entriesRestored: 10, entriesAdded: 0 });
  });

  test("gives what a version 3 snapshot of it gives, and each is a no-op after the other", async () => {
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "ten-ctx", blob);
    const third = await snapshotOf(ledger, "ten-ctx");
    const other = ledgerWorld().ledger;
    await loadSnapshot(other, "ten-ctx", third);
    expect(await get(other, "ten-ctx")).toEqual(await get(ledger, "ten-ctx"));
    expect(await loadSnapshot(other, "ten-ctx", blob)).toMatchObject({ entriesAdded: 0 });
    expect(await loadSnapshot(other, "ten-ctx", vector("variant_otp26_utf8_atoms.bin"))).toMatchObject({
      entriesAdded: 0,
    });
  });

  test("adds what follows, and refuses another history", async () => {
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "ctx", firstSnapshot(firstEntries(3)));
    expect(await loadSnapshot(ledger, "ctx", firstSnapshot(firstEntries(1200)))).toMatchObject({
      entriesRestored: 1200,
      entriesAdded: 1197,
      latestSequence: 1200,
    });
    const other = ledgerWorld().ledger;
    await append(other, "ctx");
    expect(await factsOf(loadSnapshot(other, "ctx", firstSnapshot(firstEntries(3))))).toMatchObject({
      reason: "HISTORY_DIFFERS",
      sequence: 1,
    });
    expect(
      await factsOf(loadSnapshot(ledger, "ctx", firstSnapshot(firstEntries(3)), { failIfExists: true })),
    ).toMatchObject({ reason: "CONTEXT_EXISTS" });
  });

  test("of an empty context changes nothing", async () => {
    const { ledger } = ledgerWorld();
    expect(await loadSnapshot(ledger, "empty-ctx", vector("empty.bin"))).toMatchObject({
      entriesRestored: 0,
      latestSequence: 0,
      unverified: false,
    });
  });

  test("of version 1 is refused, unless it may be unverified, which the answer says", async () => {
    const { ledger } = ledgerWorld();
    const old = vector("corrupt/v1_snapshot.bin");
    expect(await factsOf(loadSnapshot(ledger, "ten-ctx", old))).toEqual({
      code: "INVALID_ARGUMENT",
      reason: "SNAPSHOT_UNVERIFIED",
      field: "allow_unverified",
      value: 1,
      remedy: "set allow_unverified if you trust where it comes from",
    });
    expect(await entriesOf(ledger, "ten-ctx")).toEqual([]);
    expect(await loadSnapshot(ledger, "ten-ctx", old, { allowUnverified: true })).toMatchObject({
      entriesAdded: 10,
      unverified: true,
    });
    expect((await entriesOf(ledger, "ten-ctx")).map(({ lamport }) => lamport)).toEqual(Array(10).fill(0n));
    expect(await append(ledger, "ten-ctx")).toMatchObject({ sequence: 11, lamport: 1n });
  });

  test("of version 1 is held to an expected root", async () => {
    const old = firstSnapshot(
      firstEntries(3).map((entry) => ({ ...entry, content_hash: undefined })),
      version1,
    );
    const { ledger } = ledgerWorld();
    expect(
      await factsOf(
        loadSnapshot(ledger, "ctx", old, { allowUnverified: true, expectedRoot: `3:${"0".repeat(64)}` }),
      ),
    ).toMatchObject({ reason: "SNAPSHOT_ROOT_MISMATCH" });
    expect(await entriesOf(ledger, "ctx")).toEqual([]);
  });

  test("that is damaged at its end leaves nothing behind of what was staged before", async () => {
    const { ledger, store } = ledgerWorld();
    const wrong = firstSnapshot(firstEntries(5000), { merkle_root: binary(rootOfFirst(2)) });
    expect(await factsOf(loadSnapshot(ledger, "ctx", wrong))).toMatchObject({
      reason: "SNAPSHOT_ROOT_MISMATCH",
      field: "snapshot",
    });
    expect(store.commits.length).toBeGreaterThan(0);
    expect(await entriesOf(ledger, "ctx")).toEqual([]);
    expect(await ledger.totals()).toMatchObject({ contexts: 0, entries: 0 });
    expect(store.commits.every(({ heads }) => heads.length === 0)).toBe(true);
  });

  test("is refused while as many are being loaded as may be held, and not afterwards", async () => {
    const { ledger } = ledgerWorld();
    const release = Promise.withResolvers<undefined>();
    const begun: Promise<unknown>[] = [];
    const loads = Array.from({ length: limits.firstSnapshotLoadsMax }, (_, i) => {
      const waiting = Promise.withResolvers<undefined>();
      begun.push(waiting.promise);
      const chunks = (async function* () {
        yield blob.subarray(0, 100);
        waiting.resolve(undefined);
        await release.promise;
        yield* pieces(blob.subarray(100), 200);
      })();
      const input = { contextId: `c${i}`, failIfExists: false, expectedRoot: "", allowUnverified: false };
      return ledger.load(input, chunks);
    });
    await Promise.all(begun);
    expect(await factsOf(loadSnapshot(ledger, "late", blob))).toMatchObject({
      code: "UNAVAILABLE",
      reason: "OVERLOADED",
      limit: limits.firstSnapshotLoadsMax,
      retryAfterMs: 1000,
    });
    await append(ledger, "c");
    expect(await loadSnapshot(ledger, "copy", await snapshotOf(ledger, "c"))).toMatchObject({
      entriesAdded: 1,
    });
    release.resolve(undefined);
    for (const loaded of await Promise.all(loads)) expect(loaded).toMatchObject({ entriesAdded: 10 });
    expect(await loadSnapshot(ledger, "late", blob)).toMatchObject({ entriesAdded: 10 });
  });
});
