import { describe, expect, test } from "bun:test";
import { copiedId } from "../../src/core/entry-id.ts";
import { contentHash, recordBytes } from "../../src/core/entry.ts";
import { hex } from "../../src/core/hex.ts";
import { limits } from "../../src/core/limits.ts";
import type { SnapshotSummary } from "../../src/core/snapshot/snapshot-format.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { nextTurn, outcomeOf } from "../support/ledger-clock.ts";
import { loadSnapshot, pieces, snapshotOf, snapshotOfEntries } from "../support/ledger-snapshot.ts";
import {
  append,
  appendBatch,
  appendMany,
  entriesOf,
  factsOf,
  failureOf,
  get,
  hasher,
  ledgerWorld,
  payloadText,
} from "../support/ledger-world.ts";

/** A snapshot of context "c" with `count` entries. */
async function sample(
  count: number,
): Promise<{ ledger: Ledger; snapshot: Uint8Array; summary: SnapshotSummary }> {
  const { ledger } = ledgerWorld();
  for (let i = 1; i <= count; i += 1) {
    await append(ledger, "c", {
      key: i % 2 === 0 ? "even" : "odd",
      payload: `p${i}`,
      metadata: [["n", `${i}`]],
      receivedLamport: i === 2 ? 100n : 0n,
      idempotencyKey: i === 1 ? "first" : "",
    });
  }
  const summaries: SnapshotSummary[] = [];
  for await (const part of ledger.snapshot("c"))
    summaries.push(...(part.kind === "summary" ? [part.summary] : []));
  const [summary] = summaries;
  return { ledger, snapshot: await snapshotOf(ledger, "c"), summary: summary as SnapshotSummary };
}

const everything = { after: 0, through: 2 ** 50, entriesMax: 10_000, bytesMax: 2 ** 30 };

/** Turns until the rows that nobody needs have been deleted. */
async function cleaned(): Promise<void> {
  for (let turn = 0; turn < 80; turn += 1) await nextTurn();
}

describe("snapshot()", () => {
  test("of an unknown context is empty, and loads as nothing", async () => {
    const { ledger } = ledgerWorld();
    const snapshot = await snapshotOf(ledger, "c");
    expect(await loadSnapshot(ledger, "c", snapshot, { failIfExists: true })).toEqual({
      entriesRestored: 0,
      unverified: false,
      entriesAdded: 0,
      latestSequence: 0,
      resumeToken: new Uint8Array(16),
    });
    expect(await append(ledger, "c")).toMatchObject({ sequence: 1, lamport: 1n });
  });

  test("says what it holds, in chunks of a bounded size, the summary last", async () => {
    const { ledger, clock } = ledgerWorld();
    let state = 1;
    const noise = Uint8Array.from(
      { length: 300_000 },
      () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24,
    );
    for (let i = 0; i < 5; i += 1)
      await append(ledger, "c", { payload: noise, receivedLamport: i === 3 ? 50n : 0n });
    const parts = await Array.fromAsync(ledger.snapshot("c"));
    const chunks = parts.flatMap((part) => (part.kind === "chunk" ? [part.bytes.length] : []));
    expect(Math.max(...chunks)).toBeLessThanOrEqual(limits.snapshotChunkBytes);
    expect(parts.at(-1)).toMatchObject({
      kind: "summary",
      bytes: chunks.reduce((sum, length) => sum + length, 0),
      summary: { contextId: "c", createdAtNs: clock.wallNs, count: 5, latestSequence: 5, lamport: 52n },
    });
    expect(chunks.length).toBe(parts.length - 1);
  });

  test("holds what was committed when it began", async () => {
    const { ledger } = ledgerWorld();
    await appendMany(ledger, "c", 1200);
    const [snapshot] = await Promise.all([snapshotOf(ledger, "c"), appendMany(ledger, "c", 10)]);
    const target = ledgerWorld().ledger;
    expect(await loadSnapshot(target, "c", snapshot)).toMatchObject({ latestSequence: 1200 });
  });

  test("that is not read to its end leaves nothing behind", async () => {
    const { ledger, store } = ledgerWorld();
    await appendMany(ledger, "c", 1200);
    for await (const part of ledger.snapshot("c")) {
      expect(part.kind).toBe("chunk");
      break;
    }
    store.reads.length = 0;
    await cleaned();
    expect(store.reads).toEqual([]);
  });
});

describe("load()", () => {
  test.each([1, 7, 65_536])(
    "under the same id restores the very same entries, in pieces of %d bytes",
    async (pieceBytes) => {
      const source = await sample(5);
      const { ledger } = ledgerWorld();
      const result = await loadSnapshot(ledger, "c", source.snapshot, { pieceBytes });
      expect(result).toEqual({
        entriesRestored: 5,
        unverified: false,
        entriesAdded: 5,
        latestSequence: 5,
        resumeToken: (await get(source.ledger, "c")).resumeToken,
      });
      expect(await get(ledger, "c")).toEqual(await get(source.ledger, "c"));
      expect((await ledger.describe("c")).head).toMatchObject({
        bytes: (await source.ledger.describe("c")).head.bytes,
        lamport: (await source.ledger.describe("c")).head.lamport,
      });
      expect(await append(ledger, "c")).toMatchObject({ sequence: 6, lamport: 105n });
    },
  );

  test("under another id keeps everything but ids and hashes, which are derived", async () => {
    const source = await sample(3);
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "copy", source.snapshot);
    const originals = await entriesOf(source.ledger, "c");
    const copies = await get(ledger, "copy");
    const expected = originals.map((entry) => ({ ...entry, id: copiedId("copy", "c", entry.id, hasher) }));
    expect(await entriesOf(ledger, "copy")).toEqual(expected);
    expect(copies.entries.map((entry) => hex(entry.contentHash))).toEqual(
      expected.map((entry) => hex(contentHash("copy", entry, hasher))),
    );
    expect(await append(ledger, "copy")).toMatchObject({ sequence: 4, lamport: 103n });
  });

  test("of the same snapshot twice changes nothing the second time, under either id", async () => {
    const { snapshot } = await sample(4);
    for (const contextId of ["c", "copy"]) {
      const { ledger, store } = ledgerWorld();
      await loadSnapshot(ledger, contextId, snapshot);
      const before = await get(ledger, contextId);
      const commits = store.commits.length;
      expect(await loadSnapshot(ledger, contextId, snapshot)).toEqual({
        entriesRestored: 4,
        unverified: false,
        entriesAdded: 0,
        latestSequence: 4,
        resumeToken: before.resumeToken,
      });
      expect(await get(ledger, contextId)).toEqual(before);
      expect(store.commits).toHaveLength(commits);
    }
  });

  test("adds the entries after those that exist", async () => {
    const { ledger: source, snapshot: prefix } = await sample(3);
    await append(source, "c", { payload: "p4" });
    await append(source, "c", { payload: "p5" });
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "c", prefix);
    expect(await loadSnapshot(ledger, "c", await snapshotOf(source, "c"))).toMatchObject({
      entriesRestored: 5,
      entriesAdded: 2,
      latestSequence: 5,
    });
    expect(await get(ledger, "c")).toEqual(await get(source, "c"));
    expect((await ledger.describe("c")).head.bytes).toBe((await source.describe("c")).head.bytes);
  });

  test("of a prefix changes nothing and names the context's head", async () => {
    const { ledger, snapshot: prefix } = await sample(3);
    await append(ledger, "c");
    const before = await get(ledger, "c");
    expect(await loadSnapshot(ledger, "c", prefix)).toEqual({
      entriesRestored: 3,
      unverified: false,
      entriesAdded: 0,
      latestSequence: 4,
      resumeToken: before.resumeToken,
    });
    expect(await get(ledger, "c")).toEqual(before);
  });

  test.each([
    [1, "longer", 1, 5],
    [3, "shorter", 4, 3],
    [2, "as long", 2, 2],
  ])(
    "of a history that differs at sequence %d and is %s is refused",
    async (sequence, _, existing, loaded) => {
      const { ledger } = ledgerWorld();
      const other = ledgerWorld().ledger;
      for (let i = 1; i < sequence; i += 1)
        await append(other, "c", { payload: `same ${i}`, idempotencyKey: `${i}` });
      await loadSnapshot(ledger, "c", await snapshotOf(other, "c"));
      for (let i = sequence; i <= existing; i += 1) await append(ledger, "c", { payload: "mine" });
      for (let i = sequence; i <= loaded; i += 1) await append(other, "c", { payload: "theirs" });
      const before = await get(ledger, "c");
      expect(await factsOf(loadSnapshot(ledger, "c", await snapshotOf(other, "c")))).toEqual({
        code: "FAILED_PRECONDITION",
        reason: "HISTORY_DIFFERS",
        field: "snapshot",
        value: sequence,
        sequence,
        remedy: "load into another context_id",
      });
      expect(await get(ledger, "c")).toEqual(before);
    },
  );

  test("of more entries than one commit takes is published at once", async () => {
    const { ledger: source } = ledgerWorld();
    await appendMany(source, "c", 5000);
    const snapshot = await snapshotOf(source, "c");
    const { ledger, store } = ledgerWorld();
    const seen = new Set<number>();
    const loading = loadSnapshot(ledger, "c", snapshot);
    for (let more = true; more;) {
      more = await Promise.race([loading.then(() => false), nextTurn().then(() => true)]);
      seen.add((await get(ledger, "c", { limit: 1 })).latestSequence);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 5000]);
    expect(await get(ledger, "c", { afterSequence: 4990n })).toEqual(
      await get(source, "c", { afterSequence: 4990n }),
    );
    expect(Math.max(...store.commits.map(({ rows }) => rows.length))).toBeLessThanOrEqual(
      limits.commitEntriesMax,
    );
  });

  test("goes on where the wall clock and the Lamport time of the snapshot are, and refuses what is beyond them", async () => {
    const entry = { id: "x", key: "k", payload: new Uint8Array(0), metadata: [], sequence: 1 };
    const newest = { ...entry, appendedAtNs: limits.timeNsMax - 1n, lamport: limits.lamportMax - 1n };
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "c", snapshotOfEntries({ contextId: "c" }, [newest]).bytes);
    expect(await append(ledger, "c")).toMatchObject({
      appendedAtNs: limits.timeNsMax,
      lamport: limits.lamportMax,
    });
    expect(await factsOf(append(ledger, "c"))).toMatchObject({ code: "OUT_OF_RANGE" });
    expect(await entriesOf(ledger, "c")).toHaveLength(2);
  });

  test("refuses an append whose time would be above 2^63-1", async () => {
    const entry = { id: "x", key: "k", payload: new Uint8Array(0), metadata: [], sequence: 1 };
    const newest = { ...entry, appendedAtNs: limits.timeNsMax, lamport: 0n };
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "c", snapshotOfEntries({ contextId: "c" }, [newest]).bytes);
    expect(await factsOf(append(ledger, "c"))).toEqual({
      code: "OUT_OF_RANGE",
      reason: "TIME_EXHAUSTED",
      limit: limits.timeNsMax,
      remedy: "continue in a new context",
    });
  });

  test("takes entries with an empty key and control characters, and they can be read", async () => {
    const entry = {
      payload: new Uint8Array(1),
      metadata: [["\u0000", ""]] as [string, string][],
      appendedAtNs: 5n,
      lamport: 0n,
    };
    const entries = [
      { ...entry, id: "a", key: "", sequence: 1 },
      { ...entry, id: "b", key: "\n", sequence: 2 },
    ];
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "c", snapshotOfEntries({ contextId: "c" }, entries).bytes);
    expect((await entriesOf(ledger, "c")).map(({ key }) => key)).toEqual(["", "\n"]);
    expect((await get(ledger, "c", { key: "\n" })).entries).toHaveLength(1);
  });
});

describe("fail_if_exists", () => {
  const exists = {
    code: "ALREADY_EXISTS",
    reason: "CONTEXT_EXISTS",
    field: "fail_if_exists",
    value: "c",
    remedy: "load into another context_id, or leave fail_if_exists unset",
  };

  test("refuses a context that has entries, also the very same ones", async () => {
    const { ledger, snapshot } = await sample(3);
    const empty = await snapshotOf(ledgerWorld().ledger, "c");
    for (const blob of [snapshot, empty]) {
      expect(await factsOf(loadSnapshot(ledger, "c", blob, { failIfExists: true }))).toEqual({
        ...exists,
        sequence: 3,
      });
    }
  });

  test("is looked at after the snapshot has been verified", async () => {
    const { ledger, snapshot } = await sample(3);
    const damaged = snapshot.slice(0, -1);
    expect(await factsOf(loadSnapshot(ledger, "c", damaged, { failIfExists: true }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "SNAPSHOT_TRUNCATED",
    });
  });

  test("lets exactly one of four loads win that run at the same time", async () => {
    const snapshots: Uint8Array[] = [];
    const source = ledgerWorld().ledger;
    for (let i = 0; i < 4; i += 1) {
      await appendMany(source, "c", 2100);
      snapshots.push(await snapshotOf(source, "c"));
    }
    const { ledger, store } = ledgerWorld();
    const outcomes = await Promise.allSettled(
      snapshots.map((snapshot) => loadSnapshot(ledger, "c", snapshot, { failIfExists: true })),
    );
    const won = outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value.latestSequence] : [],
    );
    const lost = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason.facts.reason] : [],
    );
    expect([won.length, lost]).toEqual([1, ["CONTEXT_EXISTS", "CONTEXT_EXISTS", "CONTEXT_EXISTS"]]);
    expect((await get(ledger, "c", { limit: 1 })).latestSequence).toBe(won[0] as number);
    await cleaned();
    expect(new Set(store.discarded).size).toBe(3);
    for (const log of new Set(store.discarded)) expect(await store.read({ ...everything, log })).toEqual([]);
  });

  test("holds against an append that is queued first", async () => {
    const { snapshot } = await sample(2);
    const { ledger, store } = ledgerWorld();
    store.whenPublishing = () => expect.unreachable();
    store.hold();
    const appending = append(ledger, "c");
    const loading = factsOf(loadSnapshot(ledger, "c", snapshot, { failIfExists: true }));
    await nextTurn();
    store.release();
    expect(await loading).toEqual({ ...exists, sequence: 1 });
    expect(await appending).toMatchObject({ sequence: 1 });
  });
});

describe("a load and what else happens", () => {
  test("is ABORTED if the context grew meanwhile, and leaves no rows", async () => {
    const { ledger: source, snapshot: prefix } = await sample(2);
    await append(source, "c");
    const { ledger, store } = ledgerWorld();
    await loadSnapshot(ledger, "c", prefix);
    await cleaned();
    store.discarded.length = 0;
    const whole = await snapshotOf(source, "c");
    const loading = ledger.load(
      { contextId: "c", failIfExists: false, expectedRoot: "", allowUnverified: false },
      (async function* () {
        yield whole.subarray(0, -10);
        await append(ledger, "c", { payload: "meanwhile" });
        yield whole.subarray(-10);
      })(),
    );
    expect(await factsOf(loading)).toEqual({
      code: "ABORTED",
      reason: "HEAD_MOVED",
      field: "context_id",
      value: "c",
      remedy: "load again",
      retryAfterMs: 100,
    });
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(["p1", "p2", "meanwhile"]);
    await cleaned();
    expect(store.discarded).toHaveLength(1);
  });

  test("goes on while other contexts are appended to, and appends of its own follow what it published", async () => {
    const { snapshot } = await sample(4);
    const { ledger, store } = ledgerWorld();
    const others: Promise<unknown>[] = [];
    store.whenPublishing = () => {
      others.push(append(ledger, "c", { payload: "after" }), append(ledger, "d"));
    };
    const [loaded] = await Promise.all([
      loadSnapshot(ledger, "c", snapshot, { pieceBytes: 50 }),
      ...Array.from({ length: 50 }, () => append(ledger, "d")),
    ]);
    await Promise.all(others);
    expect(loaded).toMatchObject({ entriesAdded: 4 });
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(["p1", "p2", "p3", "p4", "after"]);
    expect((await get(ledger, "d")).latestSequence).toBe(51);
  });

  test("appends planned on a load that fails to be published take their places without it", async () => {
    const { snapshot } = await sample(4);
    const { ledger, store } = ledgerWorld();
    const appends: Promise<unknown>[] = [];
    store.whenPublishing = () => {
      store.whenPublishing = () => {};
      store.faults.push({ kind: "fails", failure: "full", written: false });
      store.hold();
    };
    const loading = factsOf(loadSnapshot(ledger, "c", snapshot));
    await outcomeOf(loading);
    appends.push(append(ledger, "c", { payload: "mine" }), append(ledger, "c", { idempotencyKey: "first" }));
    await nextTurn();
    store.release();
    expect(await loading).toMatchObject({ reason: "DISK_FULL" });
    await Promise.all(appends);
    expect(await entriesOf(ledger, "c")).toMatchObject([
      { sequence: 1, lamport: 1n },
      { sequence: 2, lamport: 2n },
    ]);
  });

  test("readers, snapshots and watches of the context see the old history or the new one, never a hole", async () => {
    const source = ledgerWorld().ledger;
    await appendMany(source, "c", 1500);
    const prefix = await snapshotOf(source, "c");
    await appendMany(source, "c", 100);
    const { ledger } = ledgerWorld();
    await loadSnapshot(ledger, "c", prefix);
    const whole = await snapshotOf(source, "c");
    const loading = loadSnapshot(ledger, "c", whole);
    const reads: number[] = [];
    for (let more = true; more;) {
      more = await Promise.race([loading.then(() => false), nextTurn().then(() => true)]);
      reads.push((await get(ledger, "c")).entries.length);
    }
    await cleaned();
    expect(new Set(reads)).toEqual(new Set([1500, 1600]));
  });

  test.each(["full", "io", "closed", "unknown"] as const)(
    "fails when the disk does (%s), and can be repeated",
    async (failure) => {
      const { snapshot } = await sample(3);
      for (const [n, written] of [
        [0, false],
        [1, false],
      ] as const) {
        const { ledger, store } = ledgerWorld();
        store.faults.push(...Array.from({ length: n }, () => undefined), { kind: "fails", failure, written });
        expect((await failureOf(loadSnapshot(ledger, "c", snapshot))).facts.retryAfterMs).toBeGreaterThan(0);
        expect(await get(ledger, "c")).toMatchObject({ entries: [], latestSequence: 0 });
        await cleaned();
        expect(await loadSnapshot(ledger, "c", snapshot)).toMatchObject({ entriesAdded: 3 });
      }
    },
  );

  test("whose last commit was written although nobody said so is a success", async () => {
    const { snapshot } = await sample(3);
    const { ledger, store } = ledgerWorld();
    store.faults.push(undefined, { kind: "fails", failure: "unknown", written: true });
    expect(await loadSnapshot(ledger, "c", snapshot)).toMatchObject({ entriesAdded: 3, latestSequence: 3 });
    await cleaned();
    expect(await entriesOf(ledger, "c")).toHaveLength(3);
  });

  test("waits for room in a full queue, and gives up after 30 s", async () => {
    const { snapshot } = await sample(3);
    const { ledger, store, clock } = ledgerWorld();
    store.hold();
    const batch = Array.from({ length: 1000 }, () => ({ payload: "" }));
    const taken = Array.from({ length: 65 }, (_, i) => appendBatch(ledger, `c${i}`, batch));
    taken.push(appendBatch(ledger, "last", batch.slice(0, 535)));
    await nextTurn();
    const loading = factsOf(loadSnapshot(ledger, "c", snapshot));
    expect(await outcomeOf(loading)).toBe("still waiting");
    await clock.advance(29_000);
    expect(await outcomeOf(loading)).toBe("still waiting");
    await clock.advance(2000);
    expect(await loading).toMatchObject({ code: "UNAVAILABLE", reason: "OVERLOADED" });
    const again = loadSnapshot(ledger, "c", snapshot);
    expect(await outcomeOf(again)).toBe("still waiting");
    store.release();
    await Promise.all(taken);
    await clock.advance(100);
    expect(await again).toMatchObject({ entriesAdded: 3 });
  });
});

describe("a snapshot that is not as it should be", () => {
  test("changes nothing and leaves no rows, wherever it is damaged", async () => {
    const { snapshot } = await sample(3);
    const { ledger, store } = ledgerWorld();
    await append(ledger, "other");
    const reasons = new Set<string>();
    for (let at = 0; at < snapshot.length; at += 1) {
      const damaged = snapshot.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      const failure = await failureOf(loadSnapshot(ledger, "c", damaged));
      expect(failure.code).toBe("INVALID_ARGUMENT");
      reasons.add(failure.facts.reason);
    }
    await cleaned();
    expect(await get(ledger, "c")).toMatchObject({ entries: [], latestSequence: 0 });
    const staged = new Set(
      store.commits.flatMap(({ rows, heads }) => (heads.length === 0 ? rows.map(({ log }) => log) : [])),
    );
    expect(new Set(store.discarded)).toEqual(staged);
    expect([...reasons]).toContain("SNAPSHOT_DAMAGED");
    expect(await ledger.totals()).toMatchObject({ contexts: 1, entries: 1 });
  });

  test.each([
    ["nothing", new Uint8Array(0), "SNAPSHOT_TRUNCATED"],
    ["something else", new TextEncoder().encode("hello hello hello hello"), "SNAPSHOT_DAMAGED"],
    [
      "the beginning of a blob of the first implementation",
      Uint8Array.of(131, 116, 0, 0, 0, 5),
      "SNAPSHOT_TRUNCATED",
    ],
  ])("is refused: %s", async (_, blob, reason) => {
    const { ledger } = ledgerWorld();
    expect(await factsOf(loadSnapshot(ledger, "c", blob))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "snapshot",
      reason,
    });
  });

  test("with more entries than a commit leaves none of its many staged rows", async () => {
    const { ledger: source } = ledgerWorld();
    await appendMany(source, "c", 5000);
    const snapshot = await snapshotOf(source, "c");
    snapshot[snapshot.length - 1] = (snapshot.at(-1) ?? 0) ^ 1;
    const { ledger, store } = ledgerWorld();
    expect(await factsOf(loadSnapshot(ledger, "c", snapshot))).toMatchObject({ reason: "SNAPSHOT_DAMAGED" });
    await cleaned();
    const [log] = store.discarded;
    expect(await store.discard(log ?? 0, 0)).toBe(false);
    expect(store.discarded.length).toBeGreaterThan(5);
  });

  test("because its stream broke ends with the stream's own error", async () => {
    const { snapshot } = await sample(3);
    const { ledger, store } = ledgerWorld();
    const broken = new Error("the client has gone");
    const loading = ledger.load(
      { contextId: "c", failIfExists: false, expectedRoot: "", allowUnverified: false },
      (async function* () {
        yield* pieces(snapshot.subarray(0, -5), 10);
        throw broken;
      })(),
    );
    expect(await loading.catch((error: unknown) => error)).toBe(broken);
    await cleaned();
    expect(await get(ledger, "c")).toMatchObject({ latestSequence: 0 });
    expect(store.discarded.length).toBe(store.commits.length);
  });
});

describe("expected_root", () => {
  test("of either profile lets the snapshot pass", async () => {
    const { snapshot, summary } = await sample(3);
    for (const root of [summary.root, summary.seedRoot]) {
      const { ledger } = ledgerWorld();
      expect(await loadSnapshot(ledger, "c", snapshot, { expectedRoot: `3:${hex(root)}` })).toMatchObject({
        entriesAdded: 3,
      });
    }
  });

  test.each([
    ["another root", `3:${"0".repeat(64)}`, "SNAPSHOT_ROOT_MISMATCH"],
    ["no count", "0".repeat(64), "EXPECTED_ROOT_INVALID"],
    ["upper case", `3:${"A".repeat(64)}`, "EXPECTED_ROOT_INVALID"],
    ["a short root", "3:00", "EXPECTED_ROOT_INVALID"],
  ])("refuses %s", async (_, expectedRoot, reason) => {
    const { snapshot } = await sample(3);
    const { ledger } = ledgerWorld();
    expect(await factsOf(loadSnapshot(ledger, "c", snapshot, { expectedRoot }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "expected_root",
      reason,
    });
    expect((await get(ledger, "c")).latestSequence).toBe(0);
  });

  test("of another number of entries is refused", async () => {
    const { snapshot, summary } = await sample(3);
    const { ledger } = ledgerWorld();
    expect(
      await factsOf(loadSnapshot(ledger, "c", snapshot, { expectedRoot: `4:${hex(summary.root)}` })),
    ).toMatchObject({
      reason: "SNAPSHOT_ROOT_MISMATCH",
    });
  });
});

test("a copy whose records would be too large under its context id is refused, and leaves nothing", async () => {
  // A record of 65,535 bytes, the largest there may be; its copy's has a context id of 10 more bytes, and another id.
  const rest = {
    id: "0".repeat(32),
    key: "",
    sequence: 1,
    appendedAtNs: 1n,
    lamport: 1n,
    payload: new Uint8Array(0),
  };
  const empty = recordBytes("c", { ...rest, metadata: [["n", ""]] });
  const entry = { ...rest, metadata: [["n", "x".repeat(limits.recordBytesMax - empty)]] as const };
  const { bytes } = snapshotOfEntries({ contextId: "c" }, [entry]);
  const { ledger, store } = ledgerWorld();
  expect(await loadSnapshot(ledger, "c", bytes)).toMatchObject({ entriesAdded: 1 });
  expect(await factsOf(loadSnapshot(ledger, "c, a copy 1", bytes))).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "SNAPSHOT_LIMIT",
    value: limits.recordBytesMax + 10,
  });
  await cleaned();
  expect(
    (await store.list({ prefix: "", startAfter: "", limit: 10 })).map(({ contextId }) => contextId),
  ).toEqual(["c"]);
});
