import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../../src/core/limits.ts";
import { StoreError } from "../../src/ledger/ports.ts";
import { nextTurn } from "../support/ledger-clock.ts";
import { type DamageWorld, damageWorld, fill } from "./damage-world.ts";

/** The logs of two contexts that have twelve entries each: marks of others are not kept. */
const log = 1;
const otherLog = 2;

async function filledWorld(): Promise<DamageWorld> {
  const world = damageWorld();
  await fill(world, "c", 12);
  await fill(world, "d", 12);
  expect([(await world.intact.head("c"))?.log, (await world.intact.head("d"))?.log]).toEqual([log, otherLog]);
  return world;
}

function found(...sequences: number[]) {
  return { damaged: sequences.map((sequence) => ({ sequence, detail: "d" })), intact: [] };
}

function intact(...sequences: number[]) {
  return { damaged: [], intact: sequences };
}

test("DamageList.first() and the store tell the same as a plain set, whatever is found and healed", async () => {
  const sequence = fc.integer({ min: 1, max: 12 });
  const change = fc.record({
    log: fc.constantFrom(log, otherLog),
    damaged: fc.uniqueArray(sequence, { maxLength: 4 }),
    intact: fc.uniqueArray(sequence, { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
      const { damage, intact: store } = await filledWorld();
      const model = new Set<string>();
      for (const each of changes) {
        const healed = each.intact.filter((one) => !each.damaged.includes(one));
        await damage.verified("c", each.log, { ...found(...each.damaged), intact: healed });
        for (const one of each.damaged) model.add(`${each.log}/${one}`);
        for (const one of healed) model.delete(`${each.log}/${one}`);
      }
      for (const of of [log, otherLog]) {
        for (let after = 0; after <= 12; after += 1) {
          for (let through = after; through <= 12; through += 1) {
            let expected: number | undefined;
            for (let at = through; at > after; at -= 1) if (model.has(`${of}/${at}`)) expected = at;
            expect(damage.first(of, after, through)).toBe(expected);
          }
        }
      }
      const stored = (await store.damaged(100)).map((mark) => `${mark.log}/${mark.sequence}`);
      expect(stored.sort()).toEqual([...model].sort());
      expect(damage.count).toBe(model.size);
    }),
    { numRuns: 100 },
  );
});

describe("DamageList", () => {
  test("knows after a restart what was marked before, once it is loaded", async () => {
    const { damage, intact: store } = await filledWorld();
    await damage.verified("c", log, found(5, 2));
    const later = damageWorld(store);
    expect([later.damage.isLoaded, later.damage.count]).toEqual([false, 0]);
    await later.damage.load();
    expect([later.damage.isLoaded, later.damage.count, later.damage.first(log, 2, 9)]).toEqual([true, 2, 5]);
    expect(later.reports).toEqual([]);
  });

  test("reports what is found together once, and not again", async () => {
    const { damage, reports } = damageWorld();
    await damage.verified("c", log, found(2, 3, 9));
    await damage.verified("c", log, found(2, 3, 9, 10));
    await damage.verified("c", log, intact(1, 3, 9));
    expect(reports).toEqual(["c 2 (3): d", "c 10 (1): d", "c 3 (2) healed"]);
  });

  test("fails to load while the store is not open, and loads later", async () => {
    const { damage, overrides } = damageWorld();
    overrides.damaged = () => Promise.reject(new StoreError("closed", "restarting"));
    await expect(damage.load()).rejects.toThrow("restarting");
    delete overrides.damaged;
    await damage.load();
    expect([damage.isLoaded, damage.count]).toEqual([true, 0]);
  });

  test("lets reads go on, and says so, if the part of the file that has the marks is damaged", async () => {
    const { damage, overrides, reports } = damageWorld();
    overrides.damaged = () => Promise.reject(new StoreError("io", "malformed"));
    await damage.load();
    expect([damage.isLoaded, damage.count]).toEqual([true, 1]);
    expect(reports).toEqual(["undefined 0 (0): the list of damaged entries cannot be read: malformed"]);
  });

  test("keeps marks that cannot be written, and writes them with the next", async () => {
    const { damage, intact: store, overrides } = await filledWorld();
    overrides.commit = () => Promise.reject(new StoreError("full", "no space"));
    await damage.verified("c", log, found(1, 2, 3));
    await damage.verified("c", log, intact(2));
    expect([damage.first(log, 0, 9), await store.damaged(9)]).toEqual([1, []]);
    delete overrides.commit;
    await damage.verified("c", log, intact());
    expect((await store.damaged(9)).map(({ sequence }) => sequence)).toEqual([1, 3]);
  });

  test("does not take a mark for written because an older one of the same entry was", async () => {
    const { damage, intact: store, overrides } = await filledWorld();
    const written = Promise.withResolvers<void>();
    const fates = [() => written.promise, () => Promise.reject(new StoreError("full", "no space"))];
    overrides.commit = async (commit) => {
      // What the first commit brings is on disk before the second one begins.
      await fates.shift()?.();
      return store.commit(commit);
    };
    const first = damage.verified("c", log, found(1));
    await nextTurn();
    const second = damage.verified("c", log, intact(1));
    written.resolve();
    await Promise.all([first, second]);
    delete overrides.commit;
    await damage.verified("c", log, intact());
    expect([damage.count, await store.damaged(9)]).toEqual([0, []]);
  });

  test("takes what does not fit into the count, and counts it anew when told to", async () => {
    const { damage, overrides, reports } = damageWorld();
    let marks = 0;
    overrides.commit = async (commit) => {
      marks += commit.damage?.length ?? 0;
      return { kind: "committed", syncMicros: 0 };
    };
    const all = Array.from({ length: limits.damagedEntriesMax + 2 }, (_, i) => i + 1);
    await damage.verified("c", log, found(...all));
    expect(damage.count).toBe(all.length);
    expect(damage.first(log, limits.damagedEntriesMax, all.length)).toBeUndefined();
    expect(marks).toBe(limits.damagedEntriesMax);
    expect(reports).toEqual([`c 1 (${all.length}): d`]);
    damage.recount();
    expect(damage.count).toBe(limits.damagedEntriesMax);
  });

  test("forgets a log with all of its marks", async () => {
    const { damage, intact: store } = await filledWorld();
    await damage.verified("c", log, found(1, 2));
    await damage.verified("d", otherLog, found(1));
    await damage.forget(log);
    expect([damage.count, damage.logs]).toEqual([1, [otherLog]]);
    expect(await store.damaged(9)).toEqual([{ log: otherLog, sequence: 1 }]);
  });
});

test("DamageList tells those who mend what is new, and whose it is", async () => {
  const { damage } = await filledWorld();
  let told = 0;
  const forget = damage.onFound(() => (told += 1));
  await damage.verified("c", log, found(3, 7));
  await damage.verified("c", log, found(3));
  damage.troubled("d", "a node of the tree");
  damage.troubled("d", "another one");
  expect(told).toBe(2);
  expect(damage.byLog).toEqual([{ contextId: "c", log, sequences: [3, 7] }]);
  expect([damage.troubledContexts, damage.troubleOf("d")]).toEqual([["d"], "another one"]);
  await damage.verified("c", log, intact(3, 7));
  damage.troubled("d", undefined);
  expect([damage.byLog, damage.troubledContexts, told]).toEqual([[], [], 2]);
  forget();
  await damage.verified("c", log, found(1));
  expect(told).toBe(2);
});
