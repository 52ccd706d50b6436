import { describe, expect, test } from "bun:test";
import { encodeResumeToken } from "../../src/core/cursor.ts";
import { checkAppend } from "../../src/core/validate.ts";
import { decodeStored } from "../../src/ledger/decode-stored.ts";
import type { GetInput } from "../../src/ledger/reader.ts";
import { type StoredEntry, StoreError } from "../../src/ledger/ports.ts";
import { WatchRegistry } from "../../src/ledger/watch-registry.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { RecordingSink } from "../support/ledger-sink.ts";
import { factsOf, failureOf, input } from "../support/ledger-world.ts";
import { damageOf, type DamageWorld, damageWorld, fill, flipped, spoilRow } from "./damage-world.ts";

const nothing: Omit<GetInput, "contextId"> = {
  key: "",
  afterSequence: 0n,
  limit: 0,
  maxBytes: 0,
  resumeToken: new Uint8Array(0),
};

/** A context of entries whose keys take turns, with those at `sequences` damaged and known to be. */
async function damagedWorld(count: number, ...sequences: number[]): Promise<DamageWorld> {
  const world = damageWorld();
  await fill(world, "c", count, ["a", "b"]);
  for (const sequence of sequences) spoilRow(world, sequence, (row) => flipped(row));
  await damageOf(world, "c");
  return world;
}

async function get(world: DamageWorld, parts: Partial<GetInput> = {}): Promise<number[]> {
  const { entries } = await world.reader.get({ contextId: "c", ...nothing, ...parts });
  return entries.map(({ sequence }) => sequence);
}

/** Returns the sequence that a call says is damaged. */
async function damagedIn(work: Promise<unknown>): Promise<number | undefined> {
  const { code, facts } = await failureOf(work);
  expect([code, facts.reason]).toEqual(["DATA_LOSS", "ENTRY_DAMAGED"]);
  return facts.sequence;
}

async function page(world: DamageWorld, after: number, through: number, key?: string): Promise<number[]> {
  const state = await world.contexts.load("c");
  const rows = await world.reader.page(state, { after, through, key, entriesMax: 100, bytesMax: 1e9 });
  return rows.map(({ sequence }) => sequence);
}

describe("Reader.page()", () => {
  test("ends before a damaged entry, and throws if it would begin with one", async () => {
    const world = await damagedWorld(9, 4, 5);
    expect(await page(world, 0, 9)).toEqual([1, 2, 3]);
    expect(await page(world, 0, 2)).toEqual([1, 2]);
    expect(await damagedIn(page(world, 3, 9))).toBe(4);
    expect(await damagedIn(page(world, 4, 9))).toBe(5);
    expect(await page(world, 5, 9)).toEqual([6, 7, 8, 9]);
  });

  test("stops there with a key too, whichever it is", async () => {
    const world = await damagedWorld(9, 4);
    expect(await page(world, 0, 9, "a")).toEqual([1, 3]);
    expect(await page(world, 0, 9, "b")).toEqual([2]);
    for (const key of ["a", "b", "none"]) expect(await damagedIn(page(world, 3, 9, key))).toBe(4);
    expect(await damagedIn(page(world, 0, 9, "none"))).toBe(4);
    expect(await page(world, 4, 9, "a")).toEqual([5, 7, 9]);
  });

  test("asks the store once while nothing is damaged, and knows earlier marks before it reads", async () => {
    const world = await damagedWorld(9, 4);
    const later = damageWorld(world.intact);
    expect(await page(later, 0, 9)).toEqual([1, 2, 3]);
    const healthy = damageWorld();
    await fill(healthy, "c", 5);
    let reads = 0;
    healthy.overrides.read = (range) => {
      reads += 1;
      return healthy.intact.read(range);
    };
    expect([await page(healthy, 0, 5), reads]).toEqual([[1, 2, 3, 4, 5], 1]);
  });

  const malformed: [string, Partial<StoredEntry>][] = [
    ["hash is too short", { contentHash: new Uint8Array(31) }],
    ["hash is a number", { contentHash: 1n as never }],
    ["bytes are text", { wire: "text" as never }],
    ["bytes are nothing", { wire: null as never }],
  ];
  test.each(malformed)("stops before an entry that nobody has marked and whose %s", async (_, columns) => {
    const world = await damagedWorld(5);
    spoilRow(world, 3, (row) => ({ ...row, ...columns }));
    expect(await page(world, 0, 5)).toEqual([1, 2]);
    expect(await damagedIn(page(world, 2, 5))).toBe(3);
    expect(await page(world, 3, 5)).toEqual([4, 5]);
  });

  test("ends before a row that is missing", async () => {
    const world = await damagedWorld(5);
    spoilRow(world, 3, () => undefined);
    expect(await page(world, 0, 5)).toEqual([1, 2]);
    expect(await factsOf(page(world, 2, 5))).toMatchObject({ code: "DATA_LOSS", reason: "ENTRY_MISSING" });
  });
});

describe("get()", () => {
  test("names the damaged entry and how to go on, and gives everything around it", async () => {
    const world = await damagedWorld(9, 4);
    expect(await factsOf(get(world))).toEqual({
      code: "DATA_LOSS",
      reason: "ENTRY_DAMAGED",
      value: 4,
      sequence: 4,
      remedy: "read what is behind it with after_sequence or from_sequence 4, and tell the operator",
    });
    expect(await get(world, { limit: 3 })).toEqual([1, 2, 3]);
    expect(await get(world, { afterSequence: 4n })).toEqual([5, 6, 7, 8, 9]);
    expect(await damagedIn(get(world, { afterSequence: 3n, limit: 1 }))).toBe(4);
  });

  test("gives the part before the damage to who asks for parts, and fails with the next one", async () => {
    const world = await damagedWorld(9, 4);
    const parts = { contextId: "c", ...nothing, maxBytes: 100_000 };
    const { entries, more, resumeToken } = await world.reader.get(parts);
    expect([entries.length, more]).toEqual([3, true]);
    expect(await damagedIn(world.reader.get({ ...parts, resumeToken }))).toBe(4);
  });

  test("gives a cursor after a damaged entry, and goes on from one", async () => {
    const world = damageWorld();
    const [, , , fourth] = await fill(world, "c", 4);
    spoilRow(world, 4, (row) => flipped(row));
    await damageOf(world, "c");
    const answer = await world.reader.get({ contextId: "c", ...nothing, afterSequence: 4n });
    expect(answer.resumeToken).toEqual(encodeResumeToken(4, fourth?.contentHash));
    await fill(world, "c", 1);
    expect(await get(world, { resumeToken: answer.resumeToken })).toEqual([5]);
  });

  test("cannot tell whether a cursor fits if the hash of its entry is lost", async () => {
    const world = damageWorld();
    const [, second] = await fill(world, "c", 4);
    spoilRow(world, 2, (row) => ({ ...row, contentHash: new Uint8Array(32) }));
    const resumeToken = encodeResumeToken(2, second?.contentHash);
    expect((await failureOf(get(world, { resumeToken }))).facts.reason).toBe("HISTORY_REPLACED");
    await damageOf(world, "c");
    expect(await damagedIn(get(world, { resumeToken }))).toBe(2);
    world.overrides.read = () => Promise.reject(new StoreError("io", "malformed"));
    expect(await damagedIn(get(world, { resumeToken }))).toBe(2);
    const other = encodeResumeToken(3, second?.contentHash);
    expect((await failureOf(get(world, { resumeToken: other }))).facts.reason).toBe("STORAGE_FAILED");
  });
});

test("a watch gets everything before a damaged entry and then DATA_LOSS, and everything after it from there", async () => {
  const world = await damagedWorld(300, 200);
  const registry = new WatchRegistry({
    clock: world.clock,
    read: (state, range) => world.reader.page(state, range),
  });
  const watch = async (cursor: number): Promise<RecordingSink> => {
    const sink = new RecordingSink();
    const state = await world.contexts.load("c");
    registry.subscribe({ state, cursor, options: { key: "", heartbeatMs: 0, resets: true }, sink }).wake();
    for (let turns = 0; turns < 20; turns += 1) await nextTurn();
    return sink;
  };
  const first = await watch(0);
  expect(first.sequences).toEqual(Array.from({ length: 199 }, (_, i) => i + 1));
  expect(first.endedWith).toMatchObject({
    code: "DATA_LOSS",
    facts: { reason: "ENTRY_DAMAGED", sequence: 200 },
  });
  const second = await watch(200);
  expect(second.sequences).toEqual(Array.from({ length: 100 }, (_, i) => i + 201));
  expect(second.endedWith).toBeUndefined();
});

describe("a retry whose first attempt is damaged", () => {
  const retry = (world: DamageWorld, key = "once") =>
    world.appender.append("c", [checkAppend(input({ payload: "p", idempotencyKey: key }))]);

  test.each<[string, (row: StoredEntry) => StoredEntry]>([
    ["in its payload", (row) => flipped(row)],
    ["beyond recognition", (row) => ({ ...row, wire: new Uint8Array(9).fill(0xff) })],
    ["in its hash", (row) => ({ ...row, contentHash: new Uint8Array(32) })],
  ])("%s is DATA_LOSS, and no other content or another entry", async (_, spoil) => {
    const world = damageWorld();
    const [first] = await retry(world);
    expect(await retry(world)).toEqual([{ ...first, duplicate: true } as never]);
    world.overrides.findByIds = async (log, ids) => {
      const found = await world.intact.findByIds(log, ids);
      return new Map([...found].map(([id, row]) => [id, spoil(row)]));
    };
    expect(await damagedIn(retry(world))).toBe(1);
    expect((await retry(world, "other"))[0]?.sequence).toBe(2);
  });
});

test("decodeStored() says which entry cannot be read", async () => {
  const row = { sequence: 8, contentHash: new Uint8Array(32), wire: new Uint8Array([0xff]) };
  const { code, facts, cause } = await failureOf(() => decodeStored(row));
  expect([code, facts.sequence, cause]).toEqual(["DATA_LOSS", 8, expect.any(RangeError)]);
});
