import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeResumeToken } from "../../src/core/cursor.ts";
import { encodeEntry } from "../../src/core/entry-wire.ts";
import type { StoredEntry } from "../../src/ledger/ports.ts";
import type { GetResult } from "../../src/ledger/reader.ts";
import { outcomeOf } from "../support/ledger-clock.ts";
import {
  append,
  appendBatch,
  appendMany,
  decoded,
  factsOf,
  failureOf,
  get,
  ledgerWorld,
  type LedgerWorld,
} from "../support/ledger-world.ts";

const MiB = 2 ** 20;

function sequences({ entries }: Pick<GetResult, "entries">): number[] {
  return entries.map(({ sequence }) => sequence);
}

async function worldOf(count: number): Promise<LedgerWorld> {
  const world = ledgerWorld();
  await appendMany(world.ledger, "c", count);
  return world;
}

describe("get()", () => {
  test("of an unknown context answers nothing, and makes none", async () => {
    const { ledger } = ledgerWorld();
    const nothing = { entries: [], latestSequence: 0, more: false, resumeToken: new Uint8Array(16) };
    expect(await get(ledger, "nowhere", { afterSequence: 5n, limit: 3, key: "k" })).toEqual(nothing);
    expect((await ledger.list({ prefix: "", startAfter: "", limit: 0 })).contexts).toEqual([]);
  });

  test.each([
    [0n, 0, [1, 2, 3, 4, 5]],
    [2n, 0, [3, 4, 5]],
    [2n, 2, [3, 4]],
    [0n, 1, [1]],
    [4n, 9, [5]],
    [5n, 0, []],
    [6n, 2, []],
    [2n ** 53n, 0, []],
    [2n ** 64n - 1n, 1, []],
  ])("after %p with limit %d", async (afterSequence, limit, expected) => {
    const { ledger } = await worldOf(5);
    const answer = await get(ledger, "c", { afterSequence, limit });
    expect(answer).toMatchObject({ latestSequence: 5, more: false });
    expect(sequences(answer)).toEqual(expected);
  });

  test("filters by key, exactly, and counts only what matches against the limit", async () => {
    const { ledger } = ledgerWorld();
    const keys = ["a", "b", "A", "a", "ab", "a", "e\u0301", "\u00e9"];
    await appendBatch(
      ledger,
      "c",
      keys.map((key) => ({ key })),
    );
    const reading = async (key: string, limit = 0): Promise<number[]> =>
      sequences(await get(ledger, "c", { key, limit }));
    expect([
      await reading("a"),
      await reading("a", 2),
      await reading("A"),
      await reading("\u00e9"),
      await reading("x"),
    ]).toEqual([[1, 4, 6], [1, 4], [3], [8], []]);
  });

  test("reads over many pages of the store in order, whole and filtered", async () => {
    const { ledger, store } = ledgerWorld();
    const keys = Array.from({ length: 1300 }, (_, i) => (i % 7 === 0 ? "rare" : "often"));
    await appendBatch(
      ledger,
      "c",
      keys.slice(0, 1000).map((key) => ({ key })),
    );
    await appendBatch(
      ledger,
      "c",
      keys.slice(1000).map((key) => ({ key })),
    );
    expect(sequences(await get(ledger, "c"))).toEqual(keys.map((_, i) => i + 1));
    expect(store.reads.length).toBeGreaterThan(2);
    const rare = keys.flatMap((key, i) => (key === "rare" ? [i + 1] : []));
    expect(sequences(await get(ledger, "c", { key: "rare" }))).toEqual(rare);
    expect(sequences(await get(ledger, "c", { key: "often", afterSequence: 1290n, limit: 3 }))).toEqual([
      1291, 1292, 1293,
    ]);
  });

  test("reads what was committed when it began, however much is appended meanwhile", async () => {
    const { ledger } = await worldOf(1200);
    const [answer] = await Promise.all([get(ledger, "c"), appendMany(ledger, "c", 5), append(ledger, "c")]);
    expect(answer.latestSequence).toBe(1200);
    expect(sequences(answer)).toHaveLength(1200);
  });

  test("gives a token after its last entry, or where it began if it has none", async () => {
    const { ledger } = await worldOf(4);
    const [, second, third, fourth] = (await get(ledger, "c")).entries;
    const token = async (parts: Parameters<typeof get>[2]): Promise<Uint8Array> =>
      (await get(ledger, "c", parts)).resumeToken;
    expect(await token({ limit: 2 })).toEqual(encodeResumeToken(2, second?.contentHash));
    expect(await token({})).toEqual(encodeResumeToken(4, fourth?.contentHash));
    expect(await token({ afterSequence: 3n, key: "x" })).toEqual(encodeResumeToken(3, third?.contentHash));
    expect(await token({ afterSequence: 99n })).toEqual(encodeResumeToken(4, fourth?.contentHash));
    expect(await token({ key: "x" })).toEqual(new Uint8Array(16));
  });
});

describe("get() with max_bytes", () => {
  test("cuts before it grows beyond, says so, and goes on from its token to the end", async () => {
    const { ledger } = await worldOf(50);
    const pages: number[][] = [];
    let resumeToken = new Uint8Array(0);
    for (let more = true; more;) {
      const page = await get(ledger, "c", { maxBytes: 1000, resumeToken });
      expect(page.entries.reduce((sum, { wire }) => sum + wire.length, 0)).toBeLessThanOrEqual(1000);
      expect(page.latestSequence).toBe(50);
      pages.push(sequences(page));
      ({ more } = page);
      resumeToken = new Uint8Array(page.resumeToken);
    }
    expect(pages.length).toBeGreaterThan(3);
    expect(pages.flat()).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  test("counts the bytes that entries take in the answer", async () => {
    const { ledger } = await worldOf(3);
    const [first, second] = (await get(ledger, "c")).entries as [StoredEntry, StoredEntry];
    // Tag and length of the field, the entry, and its content hash.
    const bytes = 2 * (2 + 34) + first.wire.length + second.wire.length;
    expect(sequences(await get(ledger, "c", { maxBytes: bytes }))).toEqual([1, 2]);
    expect(await get(ledger, "c", { maxBytes: bytes - 1 })).toMatchObject({
      entries: [{ sequence: 1 }],
      more: true,
    });
  });

  test("holds at least one entry, and no second one above the bound", async () => {
    const { ledger } = ledgerWorld();
    await appendBatch(ledger, "c", [{ payload: "x".repeat(5000) }, { payload: "y".repeat(5000) }]);
    expect(await get(ledger, "c", { maxBytes: 1 })).toMatchObject({ entries: [{ sequence: 1 }], more: true });
    expect(await get(ledger, "c", { maxBytes: 1, afterSequence: 1n })).toMatchObject({
      entries: [{ sequence: 2 }],
      more: false,
    });
  });

  test("is not cut by a limit that it does not reach", async () => {
    const { ledger } = await worldOf(5);
    expect(await get(ledger, "c", { maxBytes: 10_000, limit: 2 })).toMatchObject({
      more: false,
      entries: [{}, {}],
    });
  });

  test("above 64 MiB cuts there", async () => {
    const { ledger } = ledgerWorld();
    const payload = new Uint8Array(4 * MiB);
    for (let i = 0; i < 17; i += 1) await append(ledger, "c", { payload });
    const answer = await get(ledger, "c", { maxBytes: 2 ** 32 - 1 });
    expect([answer.entries.length, answer.more]).toEqual([15, true]);
    expect(await factsOf(get(ledger, "c"))).toEqual({
      code: "RESOURCE_EXHAUSTED",
      reason: "ANSWER_TOO_LARGE",
      field: "limit",
      limit: 64 * MiB,
      remedy:
        "set max_bytes and continue with resume_token, set limit, or stream with Watch or SnapshotStream",
    });
    expect((await get(ledger, "c", { limit: 15 })).entries).toHaveLength(15);
  });
});

describe("get() with a resume token", () => {
  test("goes on after its entry, whatever after_sequence says", async () => {
    const { ledger } = await worldOf(6);
    const { resumeToken } = await get(ledger, "c", { limit: 4 });
    expect(sequences(await get(ledger, "c", { resumeToken, afterSequence: 1n }))).toEqual([5, 6]);
    expect(
      sequences(await get(ledger, "c", { resumeToken: new Uint8Array(16), afterSequence: 5n })),
    ).toHaveLength(6);
  });

  test("of another entry at that place is ABORTED", async () => {
    const { ledger } = await worldOf(3);
    const resumeToken = encodeResumeToken(2, new Uint8Array(32).fill(7));
    expect(await factsOf(get(ledger, "c", { resumeToken }))).toEqual({
      code: "ABORTED",
      reason: "HISTORY_REPLACED",
      field: "resume_token",
      value: 2,
      sequence: 0,
      remedy: "read the context from sequence 0",
    });
  });

  test("above the head is OUT_OF_RANGE and names the head", async () => {
    const { ledger } = await worldOf(3);
    const resumeToken = encodeResumeToken(4, new Uint8Array(32).fill(7));
    expect(await factsOf(get(ledger, "c", { resumeToken }))).toMatchObject({
      code: "OUT_OF_RANGE",
      reason: "SEQUENCE_ABOVE_HEAD",
      field: "resume_token",
      value: 4,
      limit: 3,
      sequence: 3,
    });
  });

  test.each([
    ["of 17 bytes", new Uint8Array(17)],
    ["with a hash before the first entry", new Uint8Array(16).fill(1, 8)],
    ["with a sequence above 2^53", new Uint8Array(16).fill(255)],
  ])("%s is refused", async (_, resumeToken) => {
    const { ledger } = await worldOf(1);
    expect(await factsOf(get(ledger, "c", { resumeToken }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "CURSOR_INVALID",
      field: "resume_token",
    });
  });
});

describe("get() with min_sequence", () => {
  test("answers at once if the context has it", async () => {
    const { ledger, clock } = await worldOf(2);
    expect(sequences(await get(ledger, "c", { minSequence: 2n }))).toEqual([1, 2]);
    expect(clock.pending).toBe(0);
  });

  test("waits until the context has it, and not longer", async () => {
    const { ledger, clock } = await worldOf(1);
    const waiting = get(ledger, "c", { minSequence: 3n });
    await append(ledger, "c");
    expect(await outcomeOf(waiting)).toBe("still waiting");
    await append(ledger, "other");
    await append(ledger, "c");
    expect(sequences(await waiting)).toEqual([1, 2, 3]);
    expect(clock.pending).toBe(0);
  });

  test("waits in a context that does not exist yet", async () => {
    const { ledger } = ledgerWorld();
    const waiting = get(ledger, "c", { minSequence: 1n });
    expect(await outcomeOf(waiting)).toBe("still waiting");
    await append(ledger, "c");
    expect(sequences(await waiting)).toEqual([1]);
  });

  test("is ended by its signal, also by one that fired before", async () => {
    const { ledger, clock } = await worldOf(1);
    const abort = new AbortController();
    const waiting = factsOf(get(ledger, "c", { minSequence: 3n }, abort.signal));
    await outcomeOf(waiting);
    abort.abort();
    const cancelled = {
      code: "CANCELLED",
      reason: "MIN_SEQUENCE_NOT_REACHED",
      field: "min_sequence",
      value: 3n,
      limit: 1,
      sequence: 1,
      remedy: "check the context_id and the sequence, or retry",
    };
    expect(await waiting).toEqual(cancelled);
    expect(await factsOf(get(ledger, "c", { minSequence: 3n }, abort.signal))).toEqual(cancelled);
    expect(clock.pending).toBe(0);
  });

  test("gives up after 30 s", async () => {
    const { ledger, clock } = await worldOf(1);
    const waiting = factsOf(get(ledger, "c", { minSequence: 2n ** 64n - 1n }));
    await clock.advance(29_999);
    expect(await outcomeOf(waiting)).toBe("still waiting");
    await clock.advance(1);
    expect(await waiting).toMatchObject({ code: "DEADLINE_EXCEEDED", value: 2n ** 64n - 1n, sequence: 1 });
  });
});

describe("get() from a damaged store is DATA_LOSS naming the sequence:", () => {
  test.each<[string, (page: StoredEntry[]) => StoredEntry[], number]>([
    ["a row is missing", (page) => page.filter(({ sequence }) => sequence !== 3), 3],
    ["the first row is missing", (page) => page.slice(1), 1],
    ["all rows are missing", () => [], 1],
    ["rows are in another order", (page) => [...page].reverse(), 1],
  ])("%s", async (_, editPage, sequence) => {
    const { ledger, store } = await worldOf(5);
    store.editPage = editPage;
    expect(await factsOf(get(ledger, "c"))).toEqual({
      code: "DATA_LOSS",
      reason: "ENTRY_MISSING",
      value: sequence,
      sequence,
      remedy: "restore the data directory from a copy",
    });
  });

  test("the end is missing", async () => {
    const { ledger, store } = await worldOf(5);
    store.editPage = (page) => page.filter(({ sequence }) => sequence < 5);
    expect((await failureOf(get(ledger, "c"))).facts.sequence).toBe(5);
  });
});

test("get() answers as a plain array would, whatever is asked, page after page", async () => {
  const keys = ["a", "b", ""];
  const model = fc.array(fc.record({ key: fc.constantFrom("a", "b"), size: fc.nat(40) }), { maxLength: 60 });
  const asked = fc.record({
    key: fc.constantFrom(...keys),
    afterSequence: fc.bigInt({ min: 0n, max: 70n }),
    limit: fc.nat(20),
    maxBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2000 })),
  });
  await fc.assert(
    fc.asyncProperty(model, fc.array(asked, { minLength: 1, maxLength: 5 }), async (entries, queries) => {
      const { ledger } = ledgerWorld();
      const batch = entries.map(({ key, size }, i) => ({ key, payload: `${i}`.padEnd(size, ".") }));
      await Promise.all(batch.map((parts) => append(ledger, "c", parts)));
      for (const query of queries) {
        const matching = batch.flatMap(({ key }, i) =>
          BigInt(i) >= query.afterSequence && (query.key === "" || query.key === key) ? [i + 1] : [],
        );
        const wanted = query.limit === 0 ? matching : matching.slice(0, query.limit);
        const answer = await get(ledger, "c", query);
        expect(answer.latestSequence).toBe(batch.length);
        const size = answer.entries.reduce((sum, entry) => sum + encodeEntry(decoded(entry)).length + 36, 0);
        // With a bound: at least one entry, never above it, and cut only if the next one did not fit.
        const cutAt = query.maxBytes === 0 ? wanted.length : answer.entries.length;
        expect(sequences(answer)).toEqual(wanted.slice(0, cutAt));
        expect(answer.more).toBe(cutAt < wanted.length);
        expect(query.maxBytes === 0 || size <= query.maxBytes || answer.entries.length === 1).toBe(true);
        const rest: number[] = [];
        let page = answer;
        while (page.more) {
          page = await get(ledger, "c", { ...query, limit: 0, resumeToken: page.resumeToken });
          rest.push(...sequences(page));
        }
        const all = [...sequences(answer), ...rest];
        expect(all).toEqual(answer.more ? matching : wanted.slice(0, cutAt));
      }
    }),
    { numRuns: 150 },
  );
});

describe("list() and describe()", () => {
  test("pages through the contexts in the byte order of their ids", async () => {
    const { ledger } = ledgerWorld();
    const ids = ["b", "a/1", "a", "é", "a/2", "\u{10000}", "\uffff", "aa"];
    for (const id of ids) await append(ledger, id);
    const sorted = ids.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
    const all = await ledger.list({ prefix: "", startAfter: "", limit: 0 });
    expect([all.contexts.map(({ contextId }) => contextId), all.more]).toEqual([sorted, false]);
    const pages: string[][] = [];
    for (let more = true; more;) {
      const page = await ledger.list({ prefix: "a", startAfter: pages.at(-1)?.at(-1) ?? "", limit: 3 });
      pages.push(page.contexts.map(({ contextId }) => contextId));
      ({ more } = page);
    }
    expect(pages).toEqual([["a", "a/1", "a/2"], ["aa"]]);
  });

  test("tell what a context holds", async () => {
    const { ledger, clock } = ledgerWorld();
    const first = await append(ledger, "c", { key: "ké", payload: "12345", metadata: [["n", "é"]] });
    clock.wallNs += 10n;
    const second = await append(ledger, "c", { key: "k", payload: "", receivedLamport: 9n });
    const head = {
      log: expect.any(Number),
      latest: 2,
      lamport: 10n,
      appendedAtNs: second.appendedAtNs,
      bytes: 3 + 5 + 1 + 2 + 1,
      createdAtNs: first.appendedAtNs,
    };
    expect(await ledger.describe("c")).toEqual({ contextId: "c", head });
    expect(await ledger.list({ prefix: "c", startAfter: "", limit: 1 })).toEqual({
      contexts: [{ contextId: "c", head }],
      more: false,
    });
    expect(await ledger.totals()).toEqual({ contexts: 1, entries: 2, bytes: 12 });
  });
});
