import { describe, expect, test } from "bun:test";
import { type Clock, nodeLogId, type Random, StoreError } from "../../src/ledger/ports.ts";
import { Scrubber, type ScrubberParts } from "../../src/ledger/scrubber.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { type DamageWorld, damageWorld, fill, flipped, spoilRow } from "./damage-world.ts";

const io = () => new StoreError("io", "malformed");

/** Random bytes that all are `byte`. */
const always = (byte: number): Random => ({ fill: (target) => void target.fill(byte) });

function scrubberOf(world: DamageWorld, parts: Partial<ScrubberParts> = {}): Scrubber {
  return new Scrubber({
    ...world,
    random: always(0),
    queued: () => ({ entries: 0 }),
    entriesPerSecond: 1000,
    ...parts,
  });
}

/** Lets time pass in small steps, with turns of the event loop between them. */
async function pass({ clock }: DamageWorld, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    await clock.advance(10);
    for (let turns = 0; turns < 10; turns += 1) await nextTurn();
  }
}

/** Notes which contexts are verified, in their order. */
function visits(world: DamageWorld): string[] {
  const visited: string[] = [];
  world.overrides.signedHead = (contextId) => {
    visited.push(contextId);
    return world.intact.signedHead(contextId);
  };
  return visited;
}

describe("Scrubber", () => {
  test("verifies the log of logs and all contexts in order, and begins anew a minute later", async () => {
    const world = damageWorld();
    for (const contextId of ["b", "a", "é", "c"]) await fill(world, contextId, 10);
    const visited = visits(world);
    const scrubber = scrubberOf(world);
    scrubber.start();
    await pass(world, 1000);
    expect(visited).toEqual([nodeLogId, "a", "b", "c", "é"]);
    expect(scrubber.reading).toMatchObject({ entries: 40, passes: 1, damaged: 0 });
    expect(scrubber.reading.lastPassAgeSeconds).toBeGreaterThan(0.9);
    await pass(world, 58_000);
    expect(scrubber.reading.passes).toBe(1);
    await pass(world, 2000);
    expect([scrubber.reading.passes, visited.length]).toEqual([2, 10]);
    await scrubber.stop();
    expect(world.clock.pending).toBe(0);
  });

  test("keeps to its rate", async () => {
    const world = damageWorld();
    await fill(world, "c", 5000);
    const scrubber = scrubberOf(world, { entriesPerSecond: 500 });
    scrubber.start();
    for (const seconds of [1, 2, 3]) {
      await pass(world, 1000);
      const allowed = 500 * seconds;
      expect(scrubber.reading.entries).toBeGreaterThan(allowed - 129);
      expect(scrubber.reading.entries).toBeLessThan(allowed + 129 + 25);
    }
    await scrubber.stop();
  });

  test("counts 16 KiB of a large entry as one", async () => {
    const world = damageWorld();
    await fill(world, "c", 300);
    const wire = new Uint8Array(4 * 1024 * 1024);
    spoilRow(world, 1, (row) => ({ ...row, wire }));
    const scrubber = scrubberOf(world, { entriesPerSecond: 100 });
    scrubber.start();
    await pass(world, 2400);
    expect(scrubber.reading.entries).toBe(128);
    await pass(world, 400);
    expect(scrubber.reading.entries).toBe(256);
    await scrubber.stop();
  });

  test("rests while many appends wait, and goes on when they are written", async () => {
    const world = damageWorld();
    await fill(world, "c", 1000);
    let entries = 1000;
    const scrubber = scrubberOf(world, { queued: () => ({ entries }) });
    scrubber.start();
    await pass(world, 5000);
    const before = scrubber.reading.entries;
    expect(before).toBeLessThanOrEqual(128);
    entries = 256;
    await pass(world, 2000);
    expect(scrubber.reading.entries).toBe(1000);
    await scrubber.stop();
  });

  test("rests while the event loop is late", async () => {
    const world = damageWorld();
    await fill(world, "c", 1000);
    let now = 0;
    let lateMs = 30;
    const timers: (() => void)[] = [];
    const clock: Clock = {
      nowNs: () => 0n,
      monotonicMs: () => now,
      after(delayMs, callback) {
        timers.push(() => {
          now += delayMs + lateMs;
          callback();
        });
        return () => {};
      },
      yield: nextTurn,
    };
    const scrubber = scrubberOf(world, { clock });
    scrubber.start();
    const fire = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i += 1) {
        for (let turns = 0; turns < 20; turns += 1) await nextTurn();
        timers.shift()?.();
      }
      for (let turns = 0; turns < 20; turns += 1) await nextTurn();
    };
    await fire(20);
    const before = scrubber.reading.entries;
    expect(before).toBeLessThanOrEqual(128);
    lateMs = 5;
    await fire(20);
    expect(scrubber.reading.entries).toBeGreaterThanOrEqual(1000);
    await scrubber.stop();
  });

  test("does nothing at rate 0 but to know what was marked before", async () => {
    const before = damageWorld();
    await fill(before, "c", 5);
    await before.damage.verified("c", 1, { damaged: [{ sequence: 2, detail: "d" }], intact: [] });
    const world = damageWorld(before.intact);
    const visited = visits(world);
    const scrubber = scrubberOf(world, { entriesPerSecond: 0 });
    scrubber.start();
    await pass(world, 1000);
    expect(visited).toEqual([]);
    expect(scrubber.reading).toEqual({ entries: 0, passes: 0, damaged: 1, lastPassAgeSeconds: undefined });
    await scrubber.stop();
  });

  test("begins at a random place, and then with everything", async () => {
    const world = damageWorld();
    for (const contextId of ["a", "b", "c", "d"]) await fill(world, contextId, 1);
    // 0x03030303 modulo five logs.
    const skipped = 0x03030303 % 5;
    const visited = visits(world);
    const scrubber = scrubberOf(world, { random: always(3) });
    scrubber.start();
    await pass(world, 500);
    const all = [nodeLogId, "a", "b", "c", "d"];
    expect(visited).toEqual([...all.slice(skipped), ...all]);
    expect(skipped).toBeGreaterThan(0);
    expect(scrubber.reading.passes).toBe(1);
    await scrubber.stop();
  });

  test("reports what it finds once, and goes on", async () => {
    const world = damageWorld();
    for (const contextId of ["a", "b"]) await fill(world, contextId, 3);
    spoilRow(world, 2, (row) => flipped(row));
    const scrubber = scrubberOf(world);
    scrubber.start();
    await pass(world, 130_000);
    expect(world.reports).toEqual([
      "a 2 (1): its bytes do not have the hash stored beside it",
      "b 2 (1): its bytes do not have the hash stored beside it",
    ]);
    expect(scrubber.reading).toMatchObject({ passes: 3, damaged: 2 });
    await scrubber.stop();
  });

  test("goes on behind a context that it cannot read, and takes that back when it can", async () => {
    const before = damageWorld();
    for (const contextId of ["a", "b", "c"]) await fill(before, contextId, 3);
    // A head that is in memory is not read.
    const world = damageWorld(before.intact);
    const visited = visits(world);
    world.overrides.head = (contextId) =>
      contextId === "b" ? Promise.reject(io()) : world.intact.head(contextId);
    const scrubber = scrubberOf(world);
    scrubber.start();
    await pass(world, 1000);
    expect(visited).toEqual([nodeLogId, "a", "b", "c"]);
    expect(world.reports).toEqual(["b 0 (0): it cannot be read: malformed"]);
    expect(scrubber.reading).toMatchObject({ passes: 1, damaged: 1 });
    delete world.overrides.head;
    await pass(world, 61_000);
    expect(world.reports.slice(1)).toEqual(["b 0 (0) healed"]);
    expect(scrubber.reading).toMatchObject({ passes: 2, damaged: 0 });
    await scrubber.stop();
  });

  test("waits for a storage that restarts and verifies the same context then", async () => {
    const world = damageWorld();
    for (const contextId of ["a", "b"]) await fill(world, contextId, 3);
    const visited = visits(world);
    let closed = 3;
    world.overrides.read = (range) => {
      closed -= 1;
      return closed >= 0 ? Promise.reject(new StoreError("closed", "restarting")) : world.intact.read(range);
    };
    const scrubber = scrubberOf(world);
    scrubber.start();
    await pass(world, 5000);
    expect(visited).toEqual([nodeLogId, "a", "a", "a", "a", "b"]);
    expect(world.reports).toEqual([]);
    await scrubber.stop();
  });

  test("reports contexts that cannot be listed and does not count the walk", async () => {
    const world = damageWorld();
    await fill(world, "a", 3);
    world.overrides.list = () => Promise.reject(io());
    const scrubber = scrubberOf(world);
    scrubber.start();
    await pass(world, 1000);
    expect(world.reports).toEqual(["undefined 0 (0): contexts cannot be listed: malformed"]);
    expect(scrubber.reading).toMatchObject({ passes: 0, damaged: 1 });
    delete world.overrides.list;
    await pass(world, 61_000);
    expect(scrubber.reading).toMatchObject({ passes: 1, damaged: 0 });
    await scrubber.stop();
  });

  test("reports a mistake of this program and goes on", async () => {
    const world = damageWorld();
    for (const contextId of ["a", "b"]) await fill(world, contextId, 3);
    const visited = visits(world);
    let isFirst = true;
    world.overrides.subtreeRoots = async () => new Uint8Array(0);
    world.overrides.read = async (range) => {
      if (isFirst) {
        isFirst = false;
        throw new TypeError("a mistake");
      }
      return world.intact.read(range);
    };
    const scrubber = scrubberOf(world);
    scrubber.start();
    await pass(world, 5000);
    expect(world.reports).toEqual(["scrub failed: TypeError: a mistake"]);
    expect(visited).toEqual([nodeLogId, "a", "b"]);
    await scrubber.stop();
  });

  test("forgets the marks of a log that a load has replaced", async () => {
    const world = damageWorld();
    for (const contextId of ["a", "b"]) await fill(world, contextId, 3);
    await world.damage.verified("a", 1, { damaged: [{ sequence: 1, detail: "d" }], intact: [] });
    const gone = 77;
    await world.damage.verified("a", gone, { damaged: [{ sequence: 1, detail: "d" }], intact: [] });
    expect(world.damage.count).toBe(2);
    const scrubber = scrubberOf(world);
    scrubber.start();
    await pass(world, 500);
    expect(world.damage.logs).toEqual([]);
    expect(world.reports.slice(2)).toEqual(["a 1 (1) healed"]);
    await scrubber.stop();
  });

  test("stops while it waits", async () => {
    const world = damageWorld();
    await fill(world, "c", 1000);
    const scrubber = scrubberOf(world, { entriesPerSecond: 1 });
    scrubber.start();
    await pass(world, 100);
    await scrubber.stop();
    expect(world.clock.pending).toBe(0);
    const { entries } = scrubber.reading;
    await pass(world, 10_000);
    expect(scrubber.reading.entries).toBe(entries);
  });
});
