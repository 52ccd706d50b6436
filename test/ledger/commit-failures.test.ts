import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Appended } from "../../src/ledger/append-unit.ts";
import { nextTurn, outcomeOf } from "../support/ledger-clock.ts";
import { RecordingSink } from "../support/ledger-sink.ts";
import type { CommitFault } from "../support/ledger-store.ts";
import {
  append,
  appendBatch,
  entriesOf,
  factsOf,
  failureOf,
  get,
  ledgerWorld,
  payloadText,
} from "../support/ledger-world.ts";

const full = {
  code: "RESOURCE_EXHAUSTED",
  reason: "DISK_FULL",
  remedy: "retry when the operator has made space",
  retryAfterMs: 5000,
};
const io = {
  code: "UNAVAILABLE",
  reason: "STORAGE_FAILED",
  remedy: "tell the operator, and retry later",
  retryAfterMs: 5000,
};
const closed = { code: "UNAVAILABLE", reason: "STORAGE_RESTARTING", remedy: "retry", retryAfterMs: 100 };
const unknown = {
  code: "UNAVAILABLE",
  reason: "OUTCOME_UNKNOWN",
  remedy: "retry with the same idempotency_key",
  retryAfterMs: 100,
};
const headMoved = {
  code: "UNAVAILABLE",
  reason: "HEAD_MOVED",
  field: "context_id",
  value: "c",
  remedy: "retry with the same idempotency_key",
  retryAfterMs: 10,
};

describe("a commit that fails and was not written", () => {
  test.each<[string, CommitFault, object]>([
    ["full", { kind: "fails", failure: "full", written: false }, full],
    ["io", { kind: "fails", failure: "io", written: false }, io],
    ["closed", { kind: "fails", failure: "closed", written: false }, closed],
    ["unknown", { kind: "fails", failure: "unknown", written: false }, unknown],
    ["head moved", { kind: "head-moved" }, headMoved],
  ])("(%s) fails its appends, and those that waited take their places", async (_, fault, facts) => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c", { payload: "first", receivedLamport: 10n });
    await get(ledger, "d");
    store.hold();
    store.faults.push(fault);
    const failing = [
      factsOf(append(ledger, "c")),
      factsOf(append(ledger, "d")),
      factsOf(appendBatch(ledger, "c", [{}, {}])),
    ];
    await nextTurn();
    const waiting = [append(ledger, "c", { payload: "second" }), append(ledger, "d", { payload: "other" })];
    const batch = appendBatch(ledger, "c", [{ payload: "third" }, { payload: "fourth" }]);
    await nextTurn();
    store.release();
    expect(await Promise.all(failing)).toEqual([facts, facts, facts]);
    const [second, other] = await Promise.all(waiting);
    expect([second?.sequence, second?.lamport, other?.sequence, other?.lamport]).toEqual([2, 12n, 1, 1n]);
    expect((await batch).map(({ sequence }) => sequence)).toEqual([3, 4]);
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(["first", "second", "third", "fourth"]);
    expect((await entriesOf(ledger, "d")).map(payloadText)).toEqual(["other"]);
    expect(ledger.queued).toEqual({ entries: 0, bytes: 0 });
  });

  test("leaves a new context without entries", async () => {
    const { ledger, store } = ledgerWorld();
    store.faults.push({ kind: "fails", failure: "full", written: false });
    await failureOf(append(ledger, "c"));
    expect(await get(ledger, "c")).toMatchObject({ entries: [], latestSequence: 0 });
    expect(await factsOf(ledger.describe("c"))).toMatchObject({ code: "NOT_FOUND" });
    expect(await append(ledger, "c")).toMatchObject({ sequence: 1, lamport: 1n });
  });

  test("fails what waited and is not possible any more, and nothing else", async () => {
    const { ledger, store } = ledgerWorld();
    store.hold();
    store.faults.push({ kind: "fails", failure: "io", written: false });
    const first = factsOf(append(ledger, "c", { receivedLamport: 2n ** 40n }));
    await nextTurn();
    const jump = factsOf(append(ledger, "c", { receivedLamport: 2n ** 41n + 1n }));
    const fine = append(ledger, "c", { payload: "fine" });
    await nextTurn();
    store.release();
    expect(await first).toEqual(io);
    expect(await jump).toMatchObject({ code: "INVALID_ARGUMENT", reason: "RECEIVED_LAMPORT_JUMP" });
    expect(await fine).toMatchObject({ sequence: 1, lamport: 1n });
    expect(ledger.queued).toEqual({ entries: 0, bytes: 0 });
  });
});

describe("a commit whose outcome is unknown", () => {
  test("but which was written is acknowledged, and watchers get it", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c", { payload: "1" });
    const sink = new RecordingSink();
    (
      await ledger.watch(
        { contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: true, proofs: false },
        sink,
      )
    ).wake();
    store.hold();
    store.faults.push({ kind: "fails", failure: "unknown", written: true });
    const appending = [append(ledger, "c", { payload: "2" }), appendBatch(ledger, "d", [{}, {}])] as const;
    await nextTurn();
    const after = append(ledger, "c", { payload: "3" });
    await nextTurn();
    store.release();
    expect((await appending[0]).sequence).toBe(2);
    expect((await appending[1]).map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect((await after).sequence).toBe(3);
    for (let turns = 0; turns < 10; turns += 1) await nextTurn();
    expect(sink.sequences).toEqual([1, 2, 3]);
  });

  test("is resolved when the store is back, with waiting in between", async () => {
    const { ledger, store, clock } = ledgerWorld();
    store.faults.push({ kind: "fails", failure: "unknown", written: true });
    await get(ledger, "c");
    store.closedHeads = 5;
    const appending = append(ledger, "c");
    expect(await outcomeOf(appending)).toBe("still waiting");
    await clock.advance(80);
    expect(await outcomeOf(appending)).toBe("still waiting");
    await clock.advance(20);
    expect(await appending).toMatchObject({ sequence: 1 });
  });

  test("fails after 30 s without an answer, and the context goes on where it is when the store is back", async () => {
    const { ledger, store, clock } = ledgerWorld();
    await append(ledger, "c", { payload: "1" });
    const sink = new RecordingSink();
    (
      await ledger.watch(
        { contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: true, proofs: false },
        sink,
      )
    ).wake();
    store.faults.push({ kind: "fails", failure: "unknown", written: true });
    store.closedHeads = Number.POSITIVE_INFINITY;
    const appending = factsOf(append(ledger, "c", { payload: "2" }));
    await clock.advance(29_900);
    expect(await outcomeOf(appending)).toBe("still waiting");
    await clock.advance(200);
    expect(await appending).toEqual(unknown);
    expect(await factsOf(append(ledger, "c"))).toEqual(closed);
    store.closedHeads = 0;
    expect(await factsOf(append(ledger, "c"))).toEqual(headMoved);
    expect(await append(ledger, "c", { payload: "3" })).toMatchObject({ sequence: 3, lamport: 3n });
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(["1", "2", "3"]);
    for (let turns = 0; turns < 10; turns += 1) await nextTurn();
    expect(sink.sequences).toEqual([1, 2, 3]);
  });
});

describe("a store that cannot be read", () => {
  test.each([
    ["io", io],
    ["closed", closed],
  ] as const)("(%s) fails each call, and the next one after it works is answered", async (failure, facts) => {
    const { store } = ledgerWorld();
    await append(ledgerWorld({ store }).ledger, "c", { idempotencyKey: "k" });
    const { ledger } = ledgerWorld({ store });
    const sink = new RecordingSink();
    const watch = {
      contextId: "c",
      key: "",
      from: { sequence: 0 },
      heartbeatMs: 0,
      resets: true,
      proofs: false,
    };
    const drain = async (): Promise<void> => {
      for await (const part of ledger.snapshot("c")) expect(part).toBeDefined();
    };
    const calls = [
      () => append(ledger, "c"),
      () => append(ledger, "c", { idempotencyKey: "k" }),
      () => get(ledger, "c"),
      () => get(ledger, "c", { minSequence: 1n }),
      () => ledger.watch(watch, sink),
      () => ledger.describe("c"),
      () => ledger.list({ prefix: "", startAfter: "", limit: 0 }),
      drain,
    ];
    store.readFailure = failure;
    for (const call of calls) expect(await factsOf(call())).toEqual(facts);
    store.readFailure = undefined;
    for (const call of calls) await call();
    store.readFailure = failure;
    expect(await factsOf(append(ledger, "c", { idempotencyKey: "k" }))).toEqual(facts);
    expect(await factsOf(get(ledger, "c"))).toEqual(facts);
  });

  test("ends a watch that reads from it", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c");
    const sink = new RecordingSink();
    const watcher = await ledger.watch(
      { contextId: "c", key: "", from: { sequence: 0 }, heartbeatMs: 0, resets: true, proofs: false },
      sink,
    );
    store.readFailure = "io";
    watcher.wake();
    for (let turns = 0; turns < 5; turns += 1) await nextTurn();
    expect(sink.events).toEqual(["ended STORAGE_FAILED"]);
    expect(ledger.watchCounts()).toEqual({ watchers: 0, contexts: 0, lagging: 0 });
  });

  test("hides an unexpected error behind INTERNAL", async () => {
    const { ledger, store } = ledgerWorld();
    store.editPage = () => {
      throw new TypeError("secret");
    };
    await append(ledger, "c");
    const failure = await failureOf(get(ledger, "c"));
    expect([failure.code, failure.message, failure.facts]).toEqual([
      "INTERNAL",
      "the server made a mistake",
      { reason: "INTERNAL" },
    ]);
    expect((failure.cause as Error).message).toBe("secret");
  });
});

test("whatever commits do: no gaps, what was acknowledged is there, what failed is not unless nobody could know", async () => {
  const fault: fc.Arbitrary<CommitFault | undefined> = fc.constantFrom(
    undefined,
    undefined,
    { kind: "fails", failure: "full", written: false },
    { kind: "fails", failure: "io", written: false },
    { kind: "fails", failure: "closed", written: false },
    { kind: "fails", failure: "unknown", written: false },
    { kind: "fails", failure: "unknown", written: true },
    { kind: "head-moved" },
  );
  const call = fc.record({
    context: fc.constantFrom("a", "b", "c"),
    size: fc.integer({ min: 1, max: 4 }),
    turns: fc.nat(3),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { maxLength: 12 }),
      fc.array(call, { maxLength: 25 }),
      fc.nat(3),
      async (faults, calls, closedHeads) => {
        const { ledger, store, clock } = ledgerWorld();
        store.faults.push(...faults);
        const outcomes: Promise<{ context: string; appended: Appended[] }>[] = [];
        for (const [i, { context, size, turns }] of calls.entries()) {
          const batch = Array.from({ length: size }, (_, j) => ({ payload: `${i}-${j}` }));
          outcomes.push(appendBatch(ledger, context, batch).then((appended) => ({ context, appended })));
          outcomes.at(-1)?.catch(() => {});
          for (let turn = 0; turn < turns; turn += 1) await nextTurn();
        }
        store.closedHeads = closedHeads;
        const drained = Promise.allSettled(outcomes);
        await clock.advance(200);
        const settled = await drained;
        const acknowledged = settled.flatMap((outcome) =>
          outcome.status === "fulfilled" ? [outcome.value] : [],
        );
        const fresh = ledgerWorld({ store }).ledger;
        store.closedHeads = 0;
        let total = 0;
        for (const context of ["a", "b", "c"]) {
          const entries = await entriesOf(fresh, context);
          total += entries.length;
          expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => i + 1));
          const lamports = entries.map(({ lamport }) => lamport);
          expect(lamports).toEqual(lamports.map((_, i) => BigInt(i + 1)));
          for (const { appended } of acknowledged.filter((answer) => answer.context === context)) {
            expect(appended.map(({ sequence }) => entries[sequence - 1]?.id)).toEqual(
              appended.map(({ id }) => id),
            );
          }
          expect(await get(ledger, context)).toMatchObject({ latestSequence: entries.length });
        }
        // The heads settle every commit here, so nothing that failed may be there.
        expect(total).toBe(acknowledged.reduce((sum, { appended }) => sum + appended.length, 0));
        expect(ledger.queued).toEqual({ entries: 0, bytes: 0 });
      },
    ),
    { numRuns: 200 },
  );
});

describe("appendTrouble", () => {
  test.each([
    ["full", "DISK_FULL"],
    ["io", "STORAGE_FAILED"],
  ] as const)(
    "tells of a disk that is %s, until a commit succeeds or a while has passed",
    async (failure, reason) => {
      const { ledger, store, clock } = ledgerWorld();
      expect(ledger.appendTrouble).toBeUndefined();
      store.faults.push({ kind: "fails", failure, written: false });
      await factsOf(append(ledger, "c"));
      expect(ledger.appendTrouble?.facts.reason).toBe(reason);
      await append(ledger, "c");
      expect(ledger.appendTrouble).toBeUndefined();
      store.faults.push({ kind: "fails", failure, written: false });
      await factsOf(append(ledger, "c"));
      await clock.advance(30_000);
      expect(ledger.appendTrouble).toBeUndefined();
    },
  );
});
