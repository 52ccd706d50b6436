import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { idempotentId } from "../../src/core/entry-id.ts";
import type { LedgerError } from "../../src/core/errors.ts";
import type { Appended } from "../../src/ledger/append-unit.ts";
import { nextTurn, outcomeOf } from "../support/ledger-clock.ts";
import type { CommitFault } from "../support/ledger-store.ts";
import { loadSnapshot, snapshotOf } from "../support/ledger-snapshot.ts";
import {
  append,
  appendBatch,
  entriesOf,
  factsOf,
  hasher,
  ledgerWorld,
  payloadText,
} from "../support/ledger-world.ts";

const k = { idempotencyKey: "k" };

/** What two answers to the same append have in common. */
function same({ sequence, id, appendedAtNs, lamport, contentHash, wire }: Appended): object {
  return { sequence, id, appendedAtNs, lamport, contentHash, wire };
}

function duplicates(appended: readonly Appended[]): boolean[] {
  return appended.map(({ duplicate }) => duplicate);
}

describe("a retry with the same idempotency_key", () => {
  test("is answered with the first entry, and says so", async () => {
    const { ledger, clock } = ledgerWorld();
    await append(ledger, "c");
    const first = await append(ledger, "c", k);
    clock.wallNs += 1_000_000n;
    const second = await append(ledger, "c", { ...k, receivedLamport: 77n });
    expect(first.id).toBe(idempotentId("c", "k", hasher));
    expect(same(second)).toEqual(same(first));
    expect(duplicates([first, second])).toEqual([false, true]);
    expect(await append(ledger, "c")).toMatchObject({ sequence: 3, lamport: 3n });
  });

  test("is answered with the first entry while that one waits for its commit, and in the commit after", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c");
    store.hold();
    const first = append(ledger, "c", k);
    const together = append(ledger, "c", k);
    await nextTurn();
    const later = append(ledger, "c", k);
    await nextTurn();
    store.release();
    const [a, b, c] = await Promise.all([first, together, later]);
    expect([same(b), same(c)]).toEqual([same(a), same(a)]);
    expect(duplicates([a, b, c])).toEqual([false, true, true]);
    expect(await entriesOf(ledger, "c")).toHaveLength(2);
  });

  test("finds an entry that is committed while it is looked up", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c");
    store.hold();
    const first = append(ledger, "c", k);
    await nextTurn();
    const lookUp = store.holdLookups();
    const retry = append(ledger, "c", k);
    await nextTurn();
    store.release();
    await first;
    lookUp();
    expect(await retry).toMatchObject({ sequence: 2, duplicate: true });
    expect(await entriesOf(ledger, "c")).toHaveLength(2);
  });

  test("is another append in another context", async () => {
    const { ledger } = ledgerWorld();
    const [a, b] = await Promise.all([append(ledger, "a", k), append(ledger, "b", k)]);
    expect(duplicates([a, b])).toEqual([false, false]);
    expect(a.id).not.toBe(b.id);
  });

  test("is answered after a restart", async () => {
    const first = ledgerWorld();
    const original = await append(first.ledger, "c", k);
    const { ledger } = ledgerWorld({ store: first.store });
    const retry = await append(ledger, "c", k);
    expect(same(retry)).toEqual(same(original));
    expect(retry.duplicate).toBe(true);
  });

  test("waits for no disk if the entry is on it", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c", k);
    store.hold();
    const other = append(ledger, "d");
    expect(await outcomeOf(append(ledger, "c", k))).toMatchObject({ sequence: 1, duplicate: true });
    store.release();
    await other;
  });

  test("is answered when the disk is full", async () => {
    const { ledger, store } = ledgerWorld();
    const first = await append(ledger, "c", k);
    store.faults.push({ kind: "fails", failure: "full", written: false });
    const [other, retry] = await Promise.allSettled([append(ledger, "c"), append(ledger, "c", k)]);
    expect(other.status).toBe("rejected");
    expect(retry).toMatchObject({
      status: "fulfilled",
      value: { sequence: first.sequence, duplicate: true },
    });
  });
});

describe("an idempotency_key used again for other content", () => {
  const reused = {
    code: "ALREADY_EXISTS",
    reason: "IDEMPOTENCY_KEY_REUSED",
    field: "idempotency_key",
    value: "k",
    remedy: "use a fresh idempotency_key for other content",
  };
  const original = { ...k, key: "a", payload: "p", metadata: [["n", "v"]] as [string, string][] };

  test.each([
    ["key", { ...original, key: "b" }],
    ["payload of the same length", { ...original, payload: "q" }],
    ["longer payload", { ...original, payload: "pp" }],
    ["metadata value", { ...original, metadata: [["n", "w"]] as [string, string][] }],
    [
      "more metadata",
      {
        ...original,
        metadata: [
          ["m", ""],
          ["n", "v"],
        ] as [string, string][],
      },
    ],
    ["no metadata", { ...original, metadata: [] }],
  ])("is refused: another %s", async (_, other) => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c");
    store.hold();
    const first = append(ledger, "c", original);
    const pending = factsOf(append(ledger, "c", other));
    await nextTurn();
    store.release();
    expect(await pending).toEqual({ ...reused, sequence: 2 });
    await first;
    expect(await factsOf(append(ledger, "c", other))).toEqual({ ...reused, sequence: 2 });
    expect(await factsOf(appendBatch(ledger, "c", [{}, other]))).toEqual({ ...reused, sequence: 2 });
    expect(await factsOf(appendBatch(ledger, "d", [original, other]))).toEqual(reused);
    expect(await entriesOf(ledger, "c")).toHaveLength(2);
    expect(await entriesOf(ledger, "d")).toEqual([]);
  });

  test("may give the metadata in another order", async () => {
    const { ledger } = ledgerWorld();
    await append(ledger, "c", {
      ...k,
      metadata: [
        ["a", "1"],
        ["b", "2"],
      ],
    });
    expect(
      await append(ledger, "c", {
        ...k,
        metadata: [
          ["b", "2"],
          ["a", "1"],
        ],
      }),
    ).toMatchObject({ duplicate: true });
  });
});

describe("a batch with idempotency keys", () => {
  const one = { idempotencyKey: "1", payload: "1" };
  const two = { idempotencyKey: "2", payload: "2" };
  const three = { idempotencyKey: "3", payload: "3" };

  test("answers a key that it repeats with its first entry", async () => {
    const { ledger } = ledgerWorld();
    const appended = await appendBatch(ledger, "c", [one, { payload: "x" }, one, two, one]);
    expect(appended.map(({ sequence }) => sequence)).toEqual([1, 2, 1, 3, 1]);
    expect(duplicates(appended)).toEqual([false, false, true, false, true]);
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(["1", "x", "2"]);
  });

  test("adds what is new beside what is stored and what is queued", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c", one);
    store.hold();
    const queued = append(ledger, "c", two);
    await nextTurn();
    const batch = appendBatch(ledger, "c", [three, two, { payload: "x" }, one, three, { payload: "y" }]);
    await nextTurn();
    store.release();
    await queued;
    const appended = await batch;
    expect(appended.map(({ sequence }) => sequence)).toEqual([3, 2, 4, 1, 3, 5]);
    expect(duplicates(appended)).toEqual([false, true, false, true, true, false]);
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(["1", "2", "3", "x", "y"]);
  });

  test("that is retried whole adds nothing", async () => {
    const { ledger } = ledgerWorld();
    const first = await appendBatch(ledger, "c", [one, two]);
    const second = await appendBatch(ledger, "c", [one, two]);
    expect(second.map(same)).toEqual(first.map(same));
    expect(duplicates(second)).toEqual([true, true]);
    expect(await entriesOf(ledger, "c")).toHaveLength(2);
  });
});

describe("an idempotency_key whose first append failed", () => {
  test("is free for any content", async () => {
    const { ledger, store } = ledgerWorld();
    store.faults.push({ kind: "fails", failure: "full", written: false });
    expect(await factsOf(append(ledger, "c", k))).toMatchObject({ reason: "DISK_FULL" });
    expect(await append(ledger, "c", { ...k, payload: "other" })).toMatchObject({
      sequence: 1,
      duplicate: false,
    });
  });

  test("fails the retries that waited for it, which may then be repeated", async () => {
    const { ledger, store } = ledgerWorld();
    await append(ledger, "c");
    store.hold();
    store.faults.push({ kind: "fails", failure: "io", written: false });
    const first = factsOf(append(ledger, "c", k));
    await nextTurn();
    const retry = factsOf(append(ledger, "c", k));
    const batch = factsOf(appendBatch(ledger, "c", [{ payload: "x" }, k]));
    const beside = append(ledger, "c", { payload: "beside" });
    await nextTurn();
    store.release();
    expect(await first).toMatchObject({ reason: "STORAGE_FAILED" });
    const failed = {
      code: "UNAVAILABLE",
      reason: "FIRST_ATTEMPT_FAILED",
      field: "idempotency_key",
      value: "k",
      remedy: "retry",
      retryAfterMs: 100,
    };
    expect(await retry).toEqual(failed);
    expect(await batch).toEqual(failed);
    expect(await beside).toMatchObject({ sequence: 2 });
    expect(await append(ledger, "c", k)).toMatchObject({ sequence: 3, duplicate: false });
  });

  test("but was written after all is answered with that entry", async () => {
    const { ledger, store, clock } = ledgerWorld();
    await append(ledger, "c");
    store.faults.push({ kind: "fails", failure: "unknown", written: true });
    store.closedHeads = 10_000;
    const first = append(ledger, "c", k);
    first.catch(() => {});
    await clock.advance(40_000);
    expect(await factsOf(first)).toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    store.closedHeads = 0;
    const attempts: unknown[] = [];
    for (let i = 0; i < 3; i += 1) {
      attempts.push(await append(ledger, "c", k).catch((error: LedgerError) => error.facts.reason));
    }
    expect(attempts.at(-1)).toMatchObject({ sequence: 2, duplicate: true });
    expect(await entriesOf(ledger, "c")).toHaveLength(2);
  });
});

describe("an idempotency_key in a loaded snapshot", () => {
  test("is remembered", async () => {
    const source = ledgerWorld();
    await append(source.ledger, "c");
    const first = await append(source.ledger, "c", k);
    const target = ledgerWorld();
    await loadSnapshot(target.ledger, "c", await snapshotOf(source.ledger, "c"));
    const retry = await append(target.ledger, "c", k);
    expect(same(retry)).toEqual(same(first));
    expect(retry.duplicate).toBe(true);
  });

  test("is found by a retry that comes while the snapshot is published, into a new context and as a suffix", async () => {
    for (const existing of [0, 1]) {
      const source = ledgerWorld();
      await append(source.ledger, "c");
      const prefix = await snapshotOf(source.ledger, "c");
      await append(source.ledger, "c", k);
      const target = ledgerWorld();
      await Promise.all(Array.from({ length: existing }, () => loadSnapshot(target.ledger, "c", prefix)));
      const { store } = target;
      store.whenPublishing = () => store.hold();
      const loading = loadSnapshot(target.ledger, "c", await snapshotOf(source.ledger, "c"));
      expect(await outcomeOf(loading)).toBe("still waiting");
      const retry = append(target.ledger, "c", k);
      await nextTurn();
      store.release();
      await loading;
      expect(await retry).toMatchObject({ sequence: 2, duplicate: true });
      expect(await entriesOf(target.ledger, "c")).toHaveLength(2);
    }
  });

  test("stays known to a retry whose lookup runs when the log has been replaced", async () => {
    const source = ledgerWorld();
    await append(source.ledger, "c", k);
    const prefix = await snapshotOf(source.ledger, "c");
    await append(source.ledger, "c");
    const { ledger, store } = ledgerWorld();
    await loadSnapshot(ledger, "c", prefix);
    const lookUp = store.holdLookups();
    const retry = append(ledger, "c", k);
    await nextTurn();
    await loadSnapshot(ledger, "c", await snapshotOf(source.ledger, "c"));
    await nextTurn();
    lookUp();
    expect(await retry).toMatchObject({ sequence: 1, duplicate: true });
    expect(await entriesOf(ledger, "c")).toHaveLength(2);
  });
});

describe("random appends, retries, failures and restarts", () => {
  const keyed = fc.record({ key: fc.constantFrom("1", "2", "3", ""), context: fc.constantFrom("a", "b") });
  const fault: fc.Arbitrary<CommitFault> = fc.constantFrom(
    { kind: "fails", failure: "full", written: false },
    { kind: "fails", failure: "io", written: false },
    { kind: "fails", failure: "closed", written: false },
    { kind: "fails", failure: "unknown", written: false },
    { kind: "fails", failure: "unknown", written: true },
  );
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("append" as const),
        batch: fc.array(keyed, { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: "turn" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "hold" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "release" as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("fault" as const), fault }) },
    { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  );

  test("give each key one entry, and every acknowledged entry its place", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let { ledger, store, clock } = ledgerWorld();
        const acknowledged: { context: string; appended: Appended[] }[] = [];
        let running: Promise<unknown>[] = [];
        const finish = async (): Promise<void> => {
          store.release();
          await Promise.all(running);
          running = [];
        };
        for (const action of steps) {
          switch (action.kind) {
            case "append": {
              const context = action.batch[0]?.context ?? "a";
              const batch = action.batch.map(({ key }) => ({ idempotencyKey: key, payload: `for ${key}` }));
              const work = appendBatch(ledger, context, batch).then(
                (appended) => acknowledged.push({ context, appended }),
                () => {},
              );
              running.push(work);
              break;
            }
            case "turn":
              await nextTurn();
              break;
            case "hold":
              store.hold();
              break;
            case "release":
              store.release();
              break;
            case "fault":
              store.faults.push(action.fault);
              break;
            case "restart":
              await finish();
              ({ ledger, store, clock } = ledgerWorld({ store, clock }));
          }
        }
        await finish();
        store.faults.length = 0;
        const reader = ledgerWorld({ store }).ledger;
        for (const context of ["a", "b"]) {
          const entries = await entriesOf(reader, context);
          expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => i + 1));
          expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length);
          const keyedPayloads = entries.map(payloadText).filter((text) => text !== "for ");
          expect(new Set(keyedPayloads).size).toBe(keyedPayloads.length);
          const answers = acknowledged
            .filter((answer) => answer.context === context)
            .flatMap(({ appended }) => appended);
          expect(answers.filter(({ sequence, id }) => entries[sequence - 1]?.id !== id)).toEqual([]);
          const firsts = answers.filter(({ duplicate }) => !duplicate).map(({ sequence }) => sequence);
          expect(new Set(firsts).size).toBe(firsts.length);
        }
      }),
      { numRuns: 200 },
    );
  });
});
