import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { headRecord } from "../../src/core/tlog/head-record.ts";
import { commitExtras } from "../../src/ledger/extras-unit.ts";
import { nodeLogId, type StoredEntry, StoreError } from "../../src/ledger/ports.ts";
import { failureOf } from "../support/ledger-world.ts";
import {
  damageOf,
  type DamageWorld,
  damageWorld,
  fill,
  flipped,
  hasher,
  spoilRow,
  stepsOf,
} from "./damage-world.ts";
import { naiveTree } from "../core/merkle/naive-tree.ts";

const io = () => new StoreError("io", "the page is malformed");

async function worldOf(count: number, keys?: readonly string[]): Promise<DamageWorld> {
  const world = damageWorld();
  await fill(world, "c", count, keys);
  return world;
}

async function rowsOf({ intact }: DamageWorld, contextId = "c"): Promise<StoredEntry[]> {
  const head = await intact.head(contextId);
  if (head === undefined) return [];
  const range = { log: head.log, after: 0, through: head.latest };
  return intact.read({ ...range, entriesMax: head.latest, bytesMax: Number.MAX_SAFE_INTEGER });
}

async function rootOfAll(world: DamageWorld): Promise<Uint8Array> {
  const leaves = (await rowsOf(world)).map(({ contentHash }) => contentHash);
  return naiveTree("rfc6962", leaves).root(leaves.length);
}

let large: Promise<DamageWorld> | undefined;

/** Returns a world with a context whose tree has stored nodes on two levels. */
async function largeWorld(): Promise<DamageWorld> {
  large ??= worldOf(largeCount);
  return damageWorld((await large).intact);
}

const largeCount = 256 * 256 + 3;

/** Keeps what would be signed for the newest size. */
async function sign(world: DamageWorld, size: number, root: Uint8Array, contextId = "c"): Promise<void> {
  await commitExtras(world.committer, { signed: [{ contextId, generation: 1, size, root }] });
}

describe("verify() of what is intact", () => {
  for (const count of [1, 2, 127, 128, 129, 255, 256, 257, 700]) {
    test(`gives the root of ${count} entries, page by page`, async () => {
      const world = await worldOf(count);
      const root = await rootOfAll(world);
      await sign(world, count, root);
      const steps = await stepsOf(world, "c");
      expect(steps.at(-1)).toEqual({ kind: "result", head: { size: count, root }, damaged: 0 });
      const progress = steps.flatMap((step) => (step.kind === "progress" ? step.verified : []));
      const pages = Math.ceil(count / limits.readPageEntries);
      expect(progress).toEqual(
        Array.from({ length: pages }, (_, page) => Math.min(count, (page + 1) * limits.readPageEntries)),
      );
      expect(steps.length).toBe(pages + 1);
      expect(world.reports).toEqual([]);
    });
  }

  test("gives the root of a tree with two levels of stored nodes", async () => {
    const world = await largeWorld();
    const log = (await world.intact.head("c"))?.log ?? 0;
    expect((await world.intact.subtreeRoots(log, 2, 0, 2)).length).toBe(32);
    const result = (await stepsOf(world, "c")).at(-1);
    expect(result).toEqual({
      kind: "result",
      head: { size: largeCount, root: await rootOfAll(world) },
      damaged: 0,
    });
  });

  test("compares a root that was signed for an earlier size", async () => {
    const world = await worldOf(300);
    await sign(world, 300, await rootOfAll(world));
    await fill(world, "c", 300);
    expect(await damageOf(world, "c")).toEqual({ found: [], damaged: 0 });
  });

  test("gives the root of no leaves for a context without entries", async () => {
    const root = hasher.sha256(new Uint8Array(0));
    expect(await stepsOf(damageWorld(), "c")).toEqual([
      { kind: "result", head: { size: 0, root }, damaged: 0 },
    ]);
  });

  test("does not miss stored nodes, which older files do not have", async () => {
    const world = await worldOf(600);
    world.overrides.subtreeRoots = async () => new Uint8Array(0);
    expect(await damageOf(world, "c")).toEqual({ found: [], damaged: 0 });
  });

  test("reads pages of a bounded size, whatever the entries", async () => {
    const world = await worldOf(1000, ["a", "b"]);
    const sizes: number[] = [];
    world.overrides.read = async (range) => {
      const rows = await world.intact.read(range);
      sizes.push(rows.length);
      return rows;
    };
    await stepsOf(world, "c");
    expect(Math.max(...sizes)).toBe(limits.readPageEntries);
  });
});

const spoiled: readonly [string, (row: StoredEntry) => StoredEntry | undefined, string][] = [
  ["a bit of the payload flipped", (row) => flipped(row), "its bytes do not have the hash stored beside it"],
  ["no bytes", (row) => ({ ...row, wire: new Uint8Array(0) }), "its bytes are those of sequence 0"],
  [
    "bytes that are no entry",
    (row) => ({ ...row, wire: new Uint8Array(40).fill(0xff) }),
    "its bytes cannot be read",
  ],
  ["text in place of its bytes", (row) => ({ ...row, wire: "text" as never }), "its bytes cannot be read"],
  ["nothing in place of its bytes", (row) => ({ ...row, wire: null as never }), "its bytes cannot be read"],
  [
    "a bit of its hash flipped",
    (row) => ({ ...row, contentHash: row.contentHash.map((byte, i) => (i === 9 ? byte ^ 4 : byte)) }),
    "its bytes do not have the hash stored beside it",
  ],
  [
    "a hash that is too short",
    (row) => ({ ...row, contentHash: row.contentHash.slice(1) }),
    "the hash stored beside it is none",
  ],
  [
    "a number in place of its hash",
    (row) => ({ ...row, contentHash: 5n as never }),
    "the hash stored beside it is none",
  ],
  ["its row gone", () => undefined, "it is missing"],
];

describe("verify() finds an entry with", () => {
  for (const [name, edit, detail] of spoiled) {
    test(`${name}, and marks it and nothing else`, async () => {
      const world = await worldOf(700, ["a", "b"]);
      const root = await rootOfAll(world);
      await sign(world, 700, root);
      spoilRow(world, 300, edit);
      const steps = await stepsOf(world, "c");
      expect(steps.filter(({ kind }) => kind === "damage")).toEqual([
        { kind: "damage", sequence: 300, detail },
      ]);
      expect(steps.at(-1)).toMatchObject({ kind: "result", damaged: 1, head: { size: 700 } });
      const log = (await world.intact.head("c"))?.log ?? 0;
      expect(await world.intact.damaged(10)).toEqual([{ log, sequence: 300 }]);
      expect(world.reports).toEqual([`c 300 (1): ${detail}`]);
      expect(world.damage.count).toBe(1);
    });
  }

  test("any one bit of its bytes flipped", async () => {
    const world = await worldOf(3);
    const [, row] = await rowsOf(world);
    const bits = 8 * (row?.wire.length ?? 0);
    expect(bits).toBeGreaterThan(400);
    for (let bit = 0; bit < bits; bit += 1) {
      delete world.overrides.read;
      spoilRow(world, 2, (intact) => flipped(intact, bit));
      expect((await damageOf(world, "c")).found.map((each) => each.slice(0, 2))).toEqual(["2:"]);
    }
  });

  test("the bytes and hash of another one", async () => {
    const world = await worldOf(5);
    const other = (await rowsOf(world))[3];
    spoilRow(world, 2, (row) => ({
      ...row,
      wire: other?.wire ?? row.wire,
      contentHash: other?.contentHash ?? row.contentHash,
    }));
    expect(await damageOf(world, "c")).toEqual({
      found: ["2: its bytes are those of sequence 4"],
      damaged: 1,
    });
  });

  test("the first and the last row gone, and all of them", async () => {
    const world = await worldOf(130);
    spoilRow(world, 1, () => undefined);
    spoilRow(world, 130, () => undefined);
    expect(await damageOf(world, "c")).toEqual({
      found: ["1: it is missing", "130: it is missing"],
      damaged: 2,
    });
    world.overrides.read = async () => [];
    expect((await damageOf(world, "c")).damaged).toBe(130);
    expect(world.damage.count).toBe(130);
    expect(world.reports).toEqual([
      "c 1 (1): it is missing",
      "c 130 (1): it is missing",
      "c 2 (127): it is missing",
      "c 129 (1): it is missing",
    ]);
  });

  test("a key under which it is not found, and one under which another is", async () => {
    const world = await worldOf(20, ["a", "b"]);
    const { read } = world.intact;
    world.overrides.read = async (range) => {
      const rows = await read.call(world.intact, range);
      if (range.key === "a") return rows.filter(({ sequence }) => sequence !== 5);
      const extra = await read.call(world.intact, { ...range, after: 8, through: 9, key: "a" });
      return range.key === "b" ? [...rows, ...extra] : rows;
    };
    expect(await damageOf(world, "c")).toEqual({
      found: ["5: it is not found under its key", "9: it is found under a key that is not its own"],
      damaged: 2,
    });
  });

  test("a row that cannot be read, and reads the others of its page", async () => {
    const world = await worldOf(200);
    world.overrides.read = async (range) => {
      if (range.after < 77 && range.through >= 77) throw io();
      return world.intact.read(range);
    };
    expect(await damageOf(world, "c")).toEqual({
      found: [
        "77: it cannot be read: the page is malformed",
        "0: entries cannot be found by their key: the page is malformed",
      ],
      damaged: 2,
    });
    expect(await world.intact.damaged(10)).toMatchObject([{ sequence: 77 }]);
  });
});

describe("verify() finds above the entries", () => {
  test("a stored node that is not that of its entries, on either level", async () => {
    const world = await largeWorld();
    const { subtreeRoots } = world.intact;
    for (const [level, index] of [
      [1, 7],
      [2, 0],
    ] as const) {
      world.overrides.subtreeRoots = async (...asked) => {
        const roots = await subtreeRoots.call(world.intact, ...asked);
        return asked[1] === level && asked[2] === index ? roots.fill(7, 0, 1) : roots;
      };
      expect(await damageOf(world, "c")).toEqual({
        found: [`0: the tree's node ${index} on level ${level} is not that of its entries`],
        damaged: 1,
      });
    }
    expect(world.reports).toEqual(["c 0 (0): the tree's node 7 on level 1 is not that of its entries"]);
    expect(await world.intact.damaged(10)).toEqual([]);
    expect(world.damage.count).toBe(1);
    delete world.overrides.subtreeRoots;
    await damageOf(world, "c");
    expect([world.damage.count, world.reports.at(-1)]).toEqual([0, "c 0 (0) healed"]);
  });

  test("a stored node that cannot be read", async () => {
    const world = await worldOf(256);
    world.overrides.subtreeRoots = () => Promise.reject(io());
    expect((await damageOf(world, "c")).found).toEqual([
      "0: the tree's node 0 on level 1 cannot be read: the page is malformed",
    ]);
  });

  test("nothing for a node that is above a damaged entry", async () => {
    const world = await worldOf(600);
    spoilRow(world, 100, (row) => ({ ...row, contentHash: new Uint8Array(32) }));
    expect((await damageOf(world, "c")).found).toEqual([
      "100: its bytes do not have the hash stored beside it",
    ]);
  });

  test("a root that is not the one that was signed", async () => {
    const world = await worldOf(300);
    await sign(world, 260, new Uint8Array(32).fill(1));
    expect((await damageOf(world, "c")).found).toEqual([
      "0: the first 260 entries do not have the root that was signed for them",
    ]);
  });

  test("entries that were signed and are not there", async () => {
    const world = await worldOf(3);
    await sign(world, 4, new Uint8Array(32).fill(1));
    expect((await damageOf(world, "c")).found).toEqual(["0: size 4 was signed, and there are 3 entries"]);
    await sign(world, 1, new Uint8Array(32), "gone");
    expect((await damageOf(world, "gone")).found).toEqual(["0: size 1 was signed, and there are 0 entries"]);
  });

  test.each([
    ["bytes", { bytes: 1 }, /^0: the context's head says 1 bytes, and its entries have \d+$/],
    ["Lamport clock", { lamport: 1n }, /^0: the context's Lamport clock 1 is behind its entries', 3$/],
    ["time", { appendedAtNs: 1n }, /^0: the context's head says that its last entry is of 1, /],
  ])("a head with other %s than its entries", async (_, edit, message) => {
    const { intact } = await worldOf(3);
    const world = damageWorld(intact);
    world.overrides.head = async (contextId) => {
      const head = await intact.head(contextId);
      return head === undefined ? undefined : { ...head, ...edit };
    };
    expect((await damageOf(world, "c")).found).toEqual([expect.stringMatching(message)]);
  });
});

describe("verify()", () => {
  test("takes the mark off an entry that is as it was", async () => {
    const world = await worldOf(10);
    spoilRow(world, 4, (row) => flipped(row));
    await damageOf(world, "c");
    await damageOf(world, "c");
    delete world.overrides.read;
    expect(await damageOf(world, "c")).toEqual({ found: [], damaged: 0 });
    expect(await world.intact.damaged(10)).toEqual([]);
    expect(world.reports).toEqual([
      "c 4 (1): its bytes do not have the hash stored beside it",
      "c 4 (1) healed",
    ]);
  });

  test("gives another root than that of the intact entries if one is damaged", async () => {
    const world = await worldOf(10);
    const root = await rootOfAll(world);
    spoilRow(world, 4, (row) => flipped(row));
    const last = (await stepsOf(world, "c")).at(-1);
    expect(last).not.toMatchObject({ head: { root } });
    expect(last).toMatchObject({ kind: "result", head: { size: 10 }, damaged: 1 });
  });

  test("begins anew on the log that a load has put in the place of the one it reads, and marks nothing in that", async () => {
    const world = await worldOf(300);
    const state = await world.contexts.load("c");
    const { head } = state;
    const fresh = world.store.newLog();
    await fill(world, "other", 300);
    const other = (await world.intact.head("other"))?.log ?? 0;
    const ranges: number[] = [];
    world.overrides.read = async (range) => {
      ranges.push(range.log);
      if (range.log === fresh) return world.intact.read({ ...range, log: head?.log ?? 0 });
      if (range.after < 128) return world.intact.read(range);
      if (head !== undefined) state.head = { ...head, log: fresh };
      return world.intact.read({ ...range, log: other });
    };
    const steps = await stepsOf(world, "c");
    expect(steps.map((step) => (step.kind === "progress" ? step.verified : step.kind))).toEqual([
      128,
      128,
      256,
      300,
      "result",
    ]);
    expect(new Set(ranges)).toEqual(new Set([head?.log ?? 0, fresh]));
    expect(world.reports).toEqual([]);
  });

  test("leaves out what is appended meanwhile", async () => {
    const world = await worldOf(200);
    const root = await rootOfAll(world);
    const steps = world.verification.verify("c", undefined);
    await steps.next();
    await fill(world, "c", 200);
    const rest = await Array.fromAsync(steps);
    expect(rest.at(-1)).toEqual({ kind: "result", head: { size: 200, root }, damaged: 0 });
  });

  test("ends without a result when its signal fires", async () => {
    const world = await worldOf(1000);
    const stop = new AbortController();
    const kinds: string[] = [];
    for await (const { kind } of world.verification.verify("c", stop.signal)) {
      kinds.push(kind);
      if (kinds.length === 2) stop.abort();
    }
    expect(kinds).toEqual(["progress", "progress"]);
  });

  test("gives up if it can read nothing any more, with the marks of what it has seen", async () => {
    const world = await worldOf(1000);
    world.overrides.read = (range) => (range.through > 300 ? Promise.reject(io()) : world.intact.read(range));
    const failure = await failureOf(stepsOf(world, "c"));
    expect([failure.code, failure.facts.reason]).toEqual(["UNAVAILABLE", "STORAGE_FAILED"]);
    const marks = await world.intact.damaged(1000);
    expect(marks[0]?.sequence).toBe(301);
    expect(marks.length).toBeGreaterThanOrEqual(256);
    expect(marks.length).toBeLessThan(256 + 128);
  });

  test("takes a storage that restarts for no damage", async () => {
    const world = await worldOf(10);
    world.overrides.read = () => Promise.reject(new StoreError("closed", "restarting"));
    expect((await failureOf(stepsOf(world, "c"))).facts.reason).toBe("STORAGE_RESTARTING");
    expect(world.damage.count).toBe(0);
  });

  test("verifies the log of logs, whose rows are head records", async () => {
    const world = damageWorld();
    const log = world.store.newLog();
    const rows = Array.from({ length: 5 }, (_, i) => {
      const wire = headRecord({ contextId: `c${i}`, generation: 1, size: i + 1, root: new Uint8Array(32) });
      const contentHash = hasher.sha256(Buffer.concat([new Uint8Array(1), wire]));
      return { log, sequence: i + 1, key: `c${i}`, contentHash, wire, findableId: undefined };
    });
    const to = { log, latest: 5, lamport: 0n, appendedAtNs: 0n, bytes: 0, createdAtNs: 0n };
    await world.store.commit({ rows, heads: [{ contextId: nodeLogId, from: undefined, to }] });
    expect(await damageOf(world, nodeLogId)).toEqual({ found: [], damaged: 0 });
    spoilRow(world, 2, (row) => flipped(row, 8 * (row.wire.length - 1)));
    spoilRow(world, 4, (row) => flipped(row, 3));
    expect(await damageOf(world, nodeLogId)).toEqual({
      found: ["2: its bytes do not have the hash stored beside it", "4: its bytes cannot be read"],
      damaged: 2,
    });
  });
});
