import { describe, expect, test } from "bun:test";
import { contentHash } from "../../src/core/entry.ts";
import { limits } from "../../src/core/limits.ts";
import { nextTurn, outcomeOf } from "../support/ledger-clock.ts";
import {
  append,
  appendBatch,
  decoded,
  entriesOf,
  factsOf,
  get,
  hasher,
  ledgerWorld,
  payloadText,
} from "../support/ledger-world.ts";

describe("append()", () => {
  test("answers the entry as it is stored", async () => {
    const { ledger, clock } = ledgerWorld();
    const metadata = [
      ["b", "2"],
      ["a", "1"],
    ] as const;
    const appended = await append(ledger, "c", { key: "facts", payload: "hello", metadata });
    const entry = decoded(appended);
    expect(entry).toEqual({
      id: appended.id,
      key: "facts",
      payload: new TextEncoder().encode("hello"),
      sequence: 1,
      appendedAtNs: clock.wallNs,
      metadata: [
        ["a", "1"],
        ["b", "2"],
      ],
      lamport: 1n,
    });
    expect(appended.contentHash).toEqual(contentHash("c", entry, hasher));
    expect(appended.duplicate).toBe(false);
    expect((await get(ledger, "c")).entries).toEqual([
      { sequence: 1, contentHash: appended.contentHash, wire: appended.wire },
    ]);
  });

  test("counts sequences from 1 in each context, without gaps", async () => {
    const { ledger } = ledgerWorld();
    const appended = await Promise.all(["a", "b", "a", "a", "b"].map((id) => append(ledger, id)));
    expect(appended.map(({ sequence }) => sequence)).toEqual([1, 1, 2, 3, 2]);
  });

  test("takes effect in the order of the calls of a context, first touches and keys of retries between them", async () => {
    const { ledger } = ledgerWorld();
    const keys = ["", "k1", "", "k2", "", "", "k1", ""];
    const first = keys.map((idempotencyKey, i) =>
      append(ledger, "c", { payload: `p${i < 6 ? i : 1}`, idempotencyKey }),
    );
    await Promise.all(first);
    const later = [
      append(ledger, "c", { payload: "x", idempotencyKey: "k3" }),
      append(ledger, "c", { payload: "y" }),
    ];
    await Promise.all(later);
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual([
      "p0",
      "p1",
      "p2",
      "p3",
      "p4",
      "p5",
      "p1",
      "x",
      "y",
    ]);
  });

  test("gives every entry an id of its own, a UUIDv7 of its time", async () => {
    const { ledger, clock } = ledgerWorld();
    const appended = await Promise.all(Array.from({ length: 600 }, () => append(ledger, "c")));
    const ids = appended.map(({ id }) => id);
    expect(new Set(ids).size).toBe(600);
    const milliseconds = (clock.wallNs / 1_000_000n).toString(16).padStart(12, "0");
    expect(
      ids.filter((id) => !new RegExp(`^${milliseconds}7[0-9a-f]{3}[89ab][0-9a-f]{15}$`).test(id)),
    ).toEqual([]);
  });

  test("never lets appended_at_ns stand still or go back when the wall clock does", async () => {
    const { ledger, clock } = ledgerWorld();
    const times: bigint[] = [];
    for (const wallNs of [1000n, 1000n, 5n, 2000n, 1999n]) {
      clock.wallNs = wallNs;
      times.push((await append(ledger, "c")).appendedAtNs);
    }
    expect(times).toEqual([1000n, 1001n, 1002n, 2000n, 2001n]);
  });

  test("gives the entries of one batch ascending times", async () => {
    const { ledger, clock } = ledgerWorld();
    clock.wallNs = 70n;
    const appended = await appendBatch(ledger, "c", [{}, {}, {}]);
    expect(appended.map(({ appendedAtNs }) => appendedAtNs)).toEqual([70n, 71n, 72n]);
  });

  test("keeps contexts apart whose ids differ in normalisation, case or a byte-order mark", async () => {
    const { ledger } = ledgerWorld();
    const ids = ["\u00e9", "e\u0301", "\ufeff\u00e9", "É", " é", "__proto__", "constructor", "toString"];
    await Promise.all(ids.map((id) => append(ledger, id, { payload: id })));
    for (const id of ids) expect((await entriesOf(ledger, id)).map(payloadText)).toEqual([id]);
  });

  test("keeps keys, names and values as they are: no normalisation, no trimming, names of JavaScript's own", async () => {
    const { ledger } = ledgerWorld();
    const key = "\ufeff e\u0301 \u00e9 \u{1f511} ";
    const metadata = [
      ["", ""],
      ["__proto__", "a"],
      ["constructor", "b"],
      ["e\u0301", "1"],
      ["\u00e9", "2"],
      ["\ufeffx", " y "],
    ] as const;
    const [entry] = (await append(ledger, "c", { key, metadata }), await entriesOf(ledger, "c"));
    expect(entry?.key).toBe(key);
    expect(new Set(entry?.metadata)).toEqual(new Set(metadata.map(([name, value]) => [name, value])));
  });

  test("sorts metadata by the bytes of the names and lets the last pair of a name count", async () => {
    const { ledger } = ledgerWorld();
    const metadata = [
      ["\u{10000}", "astral"],
      ["\uffff", "last of the plane"],
      ["a", "1"],
      ["a", "2"],
      ["", "empty"],
    ] as const;
    const [entry] = (await append(ledger, "c", { metadata }), await entriesOf(ledger, "c"));
    expect(entry?.metadata).toEqual([
      ["", "empty"],
      ["a", "2"],
      ["\uffff", "last of the plane"],
      ["\u{10000}", "astral"],
    ]);
  });

  test("does not keep the caller's payload array", async () => {
    const { ledger } = ledgerWorld();
    const payload = new Uint8Array([1, 2, 3]);
    const appending = append(ledger, "c", { payload });
    payload.fill(9);
    const before = await appending;
    payload.fill(7);
    const [entry] = await entriesOf(ledger, "c");
    expect(entry?.payload).toEqual(decoded(before).payload);
    expect(before.contentHash).toEqual(contentHash("c", decoded(before), hasher));
  });
});

describe("the Lamport time of an append", () => {
  test("ticks, and goes above a received time", async () => {
    const { ledger } = ledgerWorld();
    const times: bigint[] = [];
    for (const receivedLamport of [0n, 0n, 100n, 3n, 0n, 102n]) {
      times.push((await append(ledger, "c", { receivedLamport })).lamport);
    }
    expect(times).toEqual([1n, 2n, 101n, 102n, 103n, 104n]);
  });

  test("follows the received times within a batch", async () => {
    const { ledger } = ledgerWorld();
    const appended = await appendBatch(ledger, "c", [
      {},
      { receivedLamport: 50n },
      {},
      { receivedLamport: 10n },
    ]);
    expect(appended.map(({ lamport }) => lamport)).toEqual([1n, 51n, 52n, 53n]);
  });

  test("takes a jump of 2^40 above the clock, and no more", async () => {
    const { ledger } = ledgerWorld();
    expect(await factsOf(append(ledger, "c", { receivedLamport: 2n ** 40n + 1n }))).toEqual({
      code: "INVALID_ARGUMENT",
      reason: "RECEIVED_LAMPORT_JUMP",
      field: "received_lamport",
      value: 2n ** 40n + 1n,
      limit: 2n ** 40n,
      remedy: "check that the sender's clock is a Lamport time and not a wall-clock time",
    });
    expect((await append(ledger, "c", { receivedLamport: 2n ** 40n })).lamport).toBe(2n ** 40n + 1n);
    expect((await append(ledger, "c", { receivedLamport: 2n ** 41n + 1n })).lamport).toBe(2n ** 41n + 2n);
  });

  test.each([-1n, 2n ** 62n + 1n, 2n ** 64n - 1n])(
    "refuses a received time of %p",
    async (receivedLamport) => {
      const { ledger } = ledgerWorld();
      const { code, reason } = (await factsOf(append(ledger, "c", { receivedLamport }))) as Record<
        string,
        unknown
      >;
      expect({ code, reason }).toEqual({ code: "INVALID_ARGUMENT", reason: "RECEIVED_LAMPORT_OUT_OF_RANGE" });
      expect(await entriesOf(ledger, "c")).toEqual([]);
    },
  );
});

describe("appendBatch()", () => {
  test("writes all entries in one commit, in order", async () => {
    const { ledger, store, measured } = ledgerWorld();
    const appended = await appendBatch(ledger, "c", [{ payload: "1" }, { payload: "2" }, { payload: "3" }]);
    expect(appended.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(["1", "2", "3"]);
    expect(store.commits.map(({ rows }) => rows.length)).toEqual([3]);
    expect(measured.map(({ entries }) => entries)).toEqual([3]);
  });

  test.each([
    ["a bad key", { key: "" }, "KEY_MISSING"],
    ["a payload too large", { payload: new Uint8Array(limits.payloadBytesMax + 1) }, "PAYLOAD_TOO_LARGE"],
    ["a Lamport jump", { receivedLamport: 2n ** 41n }, "RECEIVED_LAMPORT_JUMP"],
  ])("writes nothing if its last entry has %s", async (_, bad, reason) => {
    const { ledger } = ledgerWorld();
    await append(ledger, "c");
    expect(await factsOf(appendBatch(ledger, "c", [{ payload: "a" }, { payload: "b" }, bad]))).toMatchObject({
      reason,
    });
    expect(await entriesOf(ledger, "c")).toHaveLength(1);
    expect(await append(ledger, "c")).toMatchObject({ sequence: 2, lamport: 2n });
  });
});

describe("group commit", () => {
  test("writes what arrives while a commit runs together, contexts mixed, and in order", async () => {
    const { ledger, store } = ledgerWorld();
    store.hold();
    const first = append(ledger, "a");
    await nextTurn();
    const rest = Array.from({ length: 20 }, (_, i) =>
      append(ledger, i % 2 === 0 ? "a" : "b", { payload: `${i}` }),
    );
    await nextTurn();
    expect(store.commits).toHaveLength(1);
    expect(ledger.queued.entries).toBe(21);
    store.release();
    await Promise.all([first, ...rest]);
    expect(store.commits.map(({ rows, heads }) => [rows.length, heads.length])).toEqual([
      [1, 1],
      [20, 2],
    ]);
    expect(ledger.queued).toEqual({ entries: 0, bytes: 0 });
    const evens = Array.from({ length: 10 }, (_, i) => `${2 * i}`);
    expect((await entriesOf(ledger, "a")).slice(1).map(payloadText)).toEqual(evens);
  });

  test("answers nothing, and shows nothing, before the commit is on disk", async () => {
    const { ledger, store } = ledgerWorld();
    store.hold();
    const appending = append(ledger, "c");
    expect(await outcomeOf(appending)).toBe("still waiting");
    expect(await get(ledger, "c")).toMatchObject({ entries: [], latestSequence: 0 });
    store.release();
    await appending;
    expect(await get(ledger, "c")).toMatchObject({ latestSequence: 1 });
  });

  test.each([
    ["a fast disk in small ones", 0, [1000, ...Array(16).fill(1000)]],
    ["a slow disk in as large ones as are allowed", 20_000, [8000, 8000, 1000]],
  ])("cuts what waits into commits of a bounded size, for %s", async (_, syncMicros, sizes) => {
    const { ledger, store } = ledgerWorld();
    store.syncMicros = syncMicros;
    await append(ledger, "c");
    store.commits.length = 0;
    const batch = Array.from({ length: 1000 }, () => ({ payload: "" }));
    await Promise.all(Array.from({ length: 17 }, () => appendBatch(ledger, "c", batch)));
    expect(store.commits.map(({ rows }) => rows.length)).toEqual(sizes);
    expect(limits.commitEntriesMax).toBe(8192);
    expect(await get(ledger, "c", { afterSequence: 17_000n })).toMatchObject({ latestSequence: 17_001 });
  });

  test("drained() resolves when everything queued has been answered", async () => {
    const { ledger, store } = ledgerWorld();
    await ledger.drained();
    store.hold();
    const appending = append(ledger, "c");
    await nextTurn();
    const drained = ledger.drained();
    expect(await outcomeOf(drained)).toBe("still waiting");
    store.release();
    await drained;
    expect(await outcomeOf(appending)).toMatchObject({ sequence: 1 });
  });
});

describe("the queue", () => {
  const overloaded = {
    code: "UNAVAILABLE",
    reason: "OVERLOADED",
    remedy: "retry later with the same idempotency_key",
    retryAfterMs: 200,
  };

  test("refuses entries over its bound, and loses none of those it took", async () => {
    const { ledger, store } = ledgerWorld();
    store.hold();
    const batch = Array.from({ length: 1000 }, () => ({ payload: "" }));
    const taken = Array.from({ length: 65 }, (_, i) => appendBatch(ledger, `c${i}`, batch));
    await nextTurn();
    const last = appendBatch(ledger, "last", batch.slice(0, 536));
    await nextTurn();
    expect(ledger.queued.entries).toBe(limits.queuedEntriesMax);
    expect(await factsOf(append(ledger, "c"))).toEqual({
      ...overloaded,
      value: limits.queuedEntriesMax,
      limit: limits.queuedEntriesMax,
    });
    store.release();
    expect((await Promise.all(taken)).map((appended) => appended.at(-1)?.sequence)).toEqual(
      taken.map(() => 1000),
    );
    expect(await last).toHaveLength(536);
    expect(await append(ledger, "c0")).toMatchObject({ sequence: 1001 });
    expect(ledger.queued).toEqual({ entries: 0, bytes: 0 });
  });

  test("refuses bytes over its bound", async () => {
    const { ledger, store } = ledgerWorld();
    store.hold();
    const payload = new Uint8Array(limits.payloadBytesMax);
    const taken = Array.from({ length: 31 }, () => append(ledger, "c", { key: "k", payload }));
    await nextTurn();
    const queued = 31 * (limits.payloadBytesMax + 1);
    expect(ledger.queued).toEqual({ entries: 31, bytes: queued });
    expect(await factsOf(append(ledger, "d", { payload, key: "long".repeat(40) }))).toEqual({
      ...overloaded,
      value: queued,
      limit: limits.queuedBytesMax,
    });
    store.release();
    expect((await Promise.all(taken)).map(({ sequence }) => sequence)).toEqual(taken.map((_, i) => i + 1));
  });

  test("counts retries that wait for their first attempt", async () => {
    const { ledger, store } = ledgerWorld();
    store.hold();
    const retries = Array.from({ length: 10 }, () => append(ledger, "c", { idempotencyKey: "k" }));
    await nextTurn();
    expect(ledger.queued.entries).toBe(10);
    store.release();
    expect((await Promise.all(retries)).map(({ duplicate }) => duplicate)).toEqual(
      retries.map((_, i) => i > 0),
    );
    expect(ledger.queued).toEqual({ entries: 0, bytes: 0 });
  });
});

describe("min_copies", () => {
  test.each([0, 1])("of %d is what one server gives", async (minCopies) => {
    const { ledger } = ledgerWorld();
    const given = {
      key: "k",
      payload: new Uint8Array(0),
      metadata: [],
      receivedLamport: 0n,
      idempotencyKey: "",
    };
    expect(await ledger.append("c", given, { minCopies })).toMatchObject({ sequence: 1 });
  });

  test("of 2 is refused before anything is written", async () => {
    const { ledger, store } = ledgerWorld();
    const given = {
      key: "k",
      payload: new Uint8Array(0),
      metadata: [],
      receivedLamport: 0n,
      idempotencyKey: "",
    };
    const refusal = {
      code: "FAILED_PRECONDITION",
      reason: "TOO_FEW_HOLDERS",
      field: "min_copies",
      value: 2,
      limit: 1,
      remedy: "set min_copies to 0 or 1",
    };
    expect(await factsOf(ledger.append("c", given, { minCopies: 2 }))).toEqual(refusal);
    expect(await factsOf(ledger.appendBatch("c", [given], { minCopies: 2 }))).toEqual(refusal);
    expect(store.commits).toEqual([]);
  });
});
