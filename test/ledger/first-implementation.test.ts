/**
 * What the first implementation did, from its golden vectors, and what this one does. Where they differ, a
 * row of a table says how, and the test shows both.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { loadSnapshot, snapshotOf, snapshotOfEntries } from "../support/ledger-snapshot.ts";
import {
  append,
  entriesOf,
  factsOf,
  failureOf,
  get,
  ledgerWorld,
  payloadText,
} from "../support/ledger-world.ts";
import behaviour from "../vectors/first-implementation/behaviour.json";
import lamport from "../vectors/first-implementation/lamport.json";

/** Returns a ledger whose context "c" has the clock `time`: a snapshot can begin anywhere. */
async function ledgerAt(time: bigint): Promise<Ledger> {
  const { ledger } = ledgerWorld();
  const entry = {
    id: "x",
    key: "k",
    payload: new Uint8Array(0),
    metadata: [],
    sequence: 1,
    appendedAtNs: 1n,
  };
  await loadSnapshot(ledger, "c", snapshotOfEntries({ contextId: "c" }, [{ ...entry, lamport: time }]).bytes);
  return ledger;
}

describe("lamport.json: the times of appends", () => {
  test.each(lamport.sequences.map((sequence, i) => [i, sequence] as const))(
    "sequence %d",
    async (_, { initial, ops, final }) => {
      const ledger = await ledgerAt(BigInt(initial));
      const times: bigint[] = [];
      for (const op of ops) {
        const receivedLamport = "received" in op && op.received !== undefined ? BigInt(op.received) : 0n;
        times.push((await append(ledger, "c", { receivedLamport })).lamport);
      }
      expect(times).toEqual(ops.map(({ result }) => BigInt(result)));
      expect((await ledger.describe("c")).head.lamport).toBe(BigInt(final));
    },
  );

  test.each(lamport.pairs.map(({ a, b, merge }) => [a, b, merge] as const))(
    "a clock at %d that receives %d goes above both",
    async (a, b, merge) => {
      const ledger = await ledgerAt(BigInt(a));
      expect((await append(ledger, "c", { receivedLamport: BigInt(b) })).lamport).toBe(BigInt(merge) + 1n);
    },
  );
});

/** Options that a message cannot carry: other types, and negative numbers where it has unsigned ones. */
const notInAMessage = [
  { after_sequence: -1 },
  { limit: -1 },
  { after_sequence: null },
  { after_sequence: 10.5 },
  { limit: "3" },
];

interface Query {
  readonly opts: { readonly key?: string; readonly after_sequence?: unknown; readonly limit?: unknown };
  readonly sequences?: readonly number[];
  readonly latest_sequence?: number;
}

describe("behaviour.json: get", () => {
  const queries: readonly Query[] = behaviour.get.queries;
  const askable = queries.filter(
    ({ opts }) => opts.key !== "" && !notInAMessage.some((other) => Bun.deepEquals(other, opts)),
  );

  test("leaves out of the queries only those that no message can carry, and the empty key", () => {
    expect(queries.length - askable.length).toBe(notInAMessage.length + 1);
  });

  test.each(askable.map((query) => [JSON.stringify(query.opts), query] as const))("%s", async (_, query) => {
    const { ledger } = ledgerWorld();
    for (const { key, payload } of behaviour.get.context.entries) await append(ledger, "c", { key, payload });
    const { key = "", after_sequence: after, limit } = query.opts;
    const asked = { key, afterSequence: BigInt(Number(after ?? 0)), limit: Number(limit ?? 0) };
    const answer = await get(ledger, "c", asked);
    expect(answer.latestSequence).toBe(query.latest_sequence ?? -1);
    // limit 0 never reached the first implementation's store: its server dropped it, as ours does.
    expect(answer.entries.map(({ sequence }) => sequence)).toEqual([...expectedOf(query)]);
  });

  test("of an unknown context", async () => {
    const { ledger } = ledgerWorld();
    const { sequences, latest_sequence: latestSequence } = behaviour.get.unknown_context;
    const answer = await get(ledger, "nowhere");
    expect([answer.entries, answer.latestSequence]).toEqual([sequences, latestSequence]);
  });
});

/** The recorded answer; of a query with limit 0, that of the same query without a limit. */
function expectedOf(query: Query): readonly number[] {
  const all = behaviour.get.context.entries;
  const { key, after_sequence: after, limit } = query.opts;
  const unlimited = all.filter(
    (entry) => (key === undefined || entry.key === key) && entry.sequence > Number(after ?? 0),
  );
  return limit === 0 ? unlimited.map(({ sequence }) => sequence) : (query.sequences ?? []);
}

const MiB = 2 ** 20;

/** What both take, and what the first implementation took and this one does not; by the names of the vectors. */
const limitCases: Record<
  string,
  { readonly try: (ledger: Ledger) => Promise<unknown>; readonly ours: string; readonly why?: string }
> = {
  payload_4mib_minus_1: {
    try: (ledger) => append(ledger, "c", { payload: new Uint8Array(4 * MiB - 1) }),
    ours: "ok",
  },
  payload_4mib: { try: (ledger) => append(ledger, "c", { payload: new Uint8Array(4 * MiB) }), ours: "ok" },
  payload_4mib_plus_1: {
    try: (ledger) => append(ledger, "c", { payload: new Uint8Array(4 * MiB + 1) }),
    ours: "PAYLOAD_TOO_LARGE",
  },
  received_payload_4mib_plus_1: {
    try: (ledger) => append(ledger, "c", { payload: new Uint8Array(4 * MiB + 1), receivedLamport: 5n }),
    ours: "PAYLOAD_TOO_LARGE",
  },
  empty_payload: { try: (ledger) => append(ledger, "c", { payload: "" }), ours: "ok" },
  received_0: { try: (ledger) => append(ledger, "c", { receivedLamport: 0n }), ours: "ok" },
  empty_context_id: {
    try: (ledger) => append(ledger, ""),
    ours: "CONTEXT_ID_MISSING",
    why: "a forgotten field is no context",
  },
  empty_key: {
    try: (ledger) => append(ledger, "c", { key: "" }),
    ours: "KEY_MISSING",
    why: "a forgotten field is no key",
  },
  nul_in_ids: {
    try: (ledger) => append(ledger, "a\0b"),
    ours: "CONTEXT_ID_CONTROL_CHARACTER",
    why: "ids appear in logs and terminals",
  },
  invalid_utf8_ids: {
    try: (ledger) => append(ledger, "a\ud800"),
    ours: "INVALID_UTF8",
    why: "text is UTF-8",
  },
  metadata_5mib_value: {
    try: (ledger) => append(ledger, "c", { metadata: [["n", "x".repeat(5 * MiB)]] }),
    ours: "METADATA_TOO_LONG",
    why: "metadata is part of the record, which is at most 65,535 bytes",
  },
  context_id_1mib: {
    try: (ledger) => append(ledger, "c".repeat(MiB)),
    ours: "CONTEXT_ID_TOO_LONG",
    why: "ids are part of the record",
  },
  received_negative: {
    try: (ledger) => append(ledger, "c", { receivedLamport: -1n }),
    ours: "RECEIVED_LAMPORT_OUT_OF_RANGE",
    why: "times are not negative",
  },
  received_2_63: {
    try: (ledger) => append(ledger, "c", { receivedLamport: 2n ** 63n }),
    ours: "RECEIVED_LAMPORT_OUT_OF_RANGE",
    why: "times are at most 2^62, and one bad peer must not use the range up",
  },
  after_2_63_append: { try: (ledger) => append(ledger, "c"), ours: "ok" },
};

/** Cases of the vectors that say what state the store was in, or that a statically typed message cannot carry. */
const notLimitCases = [
  "sequence_after_rejection",
  "state_after_received_rejection",
  "metadata_non_string",
  "key_nil",
  "metadata_nil",
  "payload_integer",
  "received_float",
];

describe("behaviour.json: limits", () => {
  test("has no case that is not in one of the tables", () => {
    expect(Object.keys(behaviour.limits).sort()).toEqual(
      [...Object.keys(limitCases), ...notLimitCases].sort(),
    );
  });

  test.each(Object.entries(limitCases))("%s", async (name, { try: attempt, ours, why }) => {
    const { ledger } = ledgerWorld();
    await append(ledger, "c");
    const outcome = await attempt(ledger).then(
      () => "ok",
      (error: { facts: { reason: string } }) => error.facts.reason,
    );
    expect(outcome).toBe(ours);
    const theirs = behaviour.limits[name as keyof typeof behaviour.limits];
    const tookIt = "ok" in theirs;
    // They differ exactly where the table gives a reason.
    expect(tookIt !== (ours === "ok")).toBe(why !== undefined);
    expect((await get(ledger, "c")).latestSequence).toBe(1 + Number(ours === "ok"));
  });

  test("a refused append uses up neither sequence nor time, as before", async () => {
    const { ledger } = ledgerWorld();
    await append(ledger, "c");
    await append(ledger, "c");
    await failureOf(
      append(ledger, "c", { payload: new Uint8Array(limits.payloadBytesMax + 1), receivedLamport: 50n }),
    );
    const { head } = await ledger.describe("c");
    for (const state of [
      behaviour.limits.sequence_after_rejection,
      behaviour.limits.state_after_received_rejection,
    ]) {
      expect({ sequence: head.latest, lamport: Number(head.lamport) }).toEqual(state);
    }
  });
});

async function contextOf(payloads: readonly string[], receivedLamport = 0n): Promise<Ledger> {
  const { ledger } = ledgerWorld();
  for (const [i, payload] of payloads.entries()) {
    await append(ledger, "c", { payload, receivedLamport: i === 1 ? receivedLamport : 0n });
  }
  return ledger;
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`);
}

/**
 * Loads of the vectors, by their names: the difference to the first implementation in words, and what this
 * one does.
 */
const loadCases: Record<string, { readonly difference: string; readonly ours: () => Promise<void> }> = {
  "load 5 entries into a context that has 3": {
    difference: "histories are not mixed: refused, naming the first sequence that differs",
    async ours() {
      const ledger = await contextOf(numbered("tgt", 3));
      const snapshot = await snapshotOf(await contextOf(numbered("src", 5)), "c");
      expect(await factsOf(loadSnapshot(ledger, "c", snapshot))).toMatchObject({
        reason: "HISTORY_DIFFERS",
        sequence: 1,
      });
      expect((await entriesOf(ledger, "c")).map(payloadText)).toEqual(numbered("tgt", 3));
      expect(await append(ledger, "c")).toMatchObject({ sequence: 4, lamport: 4n });
    },
  },
  "load 5 entries into a context that is at sequence 8": {
    difference: "the answer names the context's head, 8, and not the snapshot's, 5",
    async ours() {
      const ledger = await contextOf(numbered("src", 5));
      const snapshot = await snapshotOf(ledger, "c");
      for (const payload of ["6", "7", "8"]) await append(ledger, "c", { payload });
      expect(await loadSnapshot(ledger, "c", snapshot)).toMatchObject({
        entriesRestored: 5,
        entriesAdded: 0,
        latestSequence: 8,
      });
      expect(await append(ledger, "c")).toMatchObject({ sequence: 9, lamport: 9n });
    },
  },
  fail_if_exists: {
    difference: "none, but existence is checked where the load is published, and nothing defeats it",
    async ours() {
      const snapshot = await snapshotOf(await contextOf(numbered("src", 2)), "c");
      const empty = await snapshotOf(ledgerWorld().ledger, "c");
      const { ledger } = ledgerWorld();
      const load = (blob: Uint8Array, failIfExists: boolean): Promise<object> =>
        loadSnapshot(ledger, "c", blob, { failIfExists }).then(
          ({ entriesRestored, latestSequence }) => ({
            ok: { entries_restored: entriesRestored, latest_sequence: latestSequence },
          }),
          (error: { facts: { reason: string } }) => ({ error: error.facts.reason }),
        );
      const theirs = behaviour.load.find(({ name }) => name === "fail_if_exists");
      expect(await load(empty, true)).toEqual(theirs?.empty_snapshot_true as object);
      expect(await load(empty, true)).toEqual(theirs?.empty_snapshot_again_true as object);
      expect(await load(snapshot, true)).toEqual(theirs?.new_true as object);
      expect(await load(snapshot, true)).toEqual({ error: "CONTEXT_EXISTS" });
      expect(await load(snapshot, false)).toEqual(theirs?.existing_false as object);
      expect(await load(new Uint8Array([1, 2, 3]), true)).toEqual({ error: "SNAPSHOT_TRUNCATED" });
    },
  },
  "load into a different context": {
    difference: "ids are derived, not random; the clock goes on",
    async ours() {
      const source = await contextOf(numbered("src", 4));
      const { ledger } = ledgerWorld();
      expect(await loadSnapshot(ledger, "d", await snapshotOf(source, "c"))).toMatchObject({
        entriesRestored: 4,
        latestSequence: 4,
      });
      const changed = ({ id: _id, ...kept }: { id: string }): object => kept;
      expect((await entriesOf(ledger, "d")).map(changed)).toEqual(
        (await entriesOf(source, "c")).map(changed),
      );
      expect(await append(ledger, "d")).toMatchObject({ sequence: 5, lamport: 5n });
    },
  },
  "restart: snapshot, lose everything, load into the same context": {
    difference: "the Lamport clock is restored: the next append gets 6, not 1",
    async ours() {
      const source = await contextOf(numbered("src", 5));
      const { ledger } = ledgerWorld();
      await loadSnapshot(ledger, "c", await snapshotOf(source, "c"));
      expect(await get(ledger, "c")).toEqual(await get(source, "c"));
      expect(await append(ledger, "c")).toMatchObject({ sequence: 6, lamport: 6n });
      expect(await append(ledger, "c")).toMatchObject({ sequence: 7, lamport: 7n });
    },
  },
  "received times and load": {
    difference: "the clock goes on from the largest time of the entries",
    async ours() {
      const source = await contextOf(numbered("src", 3), 100n);
      const { ledger } = ledgerWorld();
      await loadSnapshot(ledger, "c", await snapshotOf(source, "c"));
      await append(ledger, "c");
      expect((await entriesOf(ledger, "c")).map((entry) => entry.lamport)).toEqual([1n, 101n, 102n, 103n]);
    },
  },
  "same snapshot twice": {
    difference: "the second load adds nothing, under another context id either",
    async ours() {
      const snapshot = await snapshotOf(await contextOf(numbered("src", 5)), "c");
      const { ledger } = ledgerWorld();
      for (const contextId of ["c", "c", "d", "d"]) {
        expect(await loadSnapshot(ledger, contextId, snapshot)).toMatchObject({
          entriesRestored: 5,
          latestSequence: 5,
        });
        expect((await entriesOf(ledger, contextId)).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
      }
    },
  },
  "DEFECT: load can delete another context's entry (ids are global, id is in no hash)": {
    difference: "ids count only within their context",
    async ours() {
      const victim = await contextOf(["precious"]);
      const [entry] = await entriesOf(victim, "c");
      const hostile = {
        id: entry?.id ?? "",
        key: "k",
        payload: new Uint8Array(0),
        metadata: [],
        sequence: 1,
        appendedAtNs: 1n,
        lamport: 1n,
      };
      await loadSnapshot(victim, "other", snapshotOfEntries({ contextId: "other" }, [hostile]).bytes);
      expect((await entriesOf(victim, "c")).map(payloadText)).toEqual(["precious"]);
      expect((await entriesOf(victim, "other")).map(({ id }) => id)).toEqual([entry?.id ?? ""]);
    },
  },
  "DEFECT: load rewrites existing entries in place (append-only broken)": {
    difference: "existing entries are compared, never written",
    async ours() {
      const ledger = await contextOf(["a", "b", "c"]);
      const before = await get(ledger, "c");
      const snapshot = await snapshotOf(await contextOf(["a", "rewritten", "c"]), "c");
      expect((await failureOf(loadSnapshot(ledger, "c", snapshot))).facts.reason).toBe("HISTORY_DIFFERS");
      expect(await get(ledger, "c")).toEqual(before);
    },
  },
  "snapshot of a merged context": {
    difference: "there are no merged contexts: the number of entries is the latest sequence",
    async ours() {
      const { head } = await (await contextOf(["a", "b", "c"])).describe("c");
      expect(head.latest).toBe(3);
    },
  },
  "empty snapshot": {
    difference: "none",
    async ours() {
      const { ledger } = ledgerWorld();
      const empty = await snapshotOf(ledger, "c");
      expect(await loadSnapshot(ledger, "c", empty)).toMatchObject({ entriesRestored: 0, latestSequence: 0 });
      expect(await append(ledger, "c")).toMatchObject({ sequence: 1, lamport: 1n });
    },
  },
};

describe("behaviour.json: load", () => {
  test("has no case that is not in the table", () => {
    expect(behaviour.load.map(({ name }) => name).sort()).toEqual(Object.keys(loadCases).sort());
  });

  test.each(
    Object.entries(loadCases).map(([name, { difference, ours }]) => [name, difference, ours] as const),
  )("%s. Difference: %s", (_name, _difference, ours) => ours());
});
