import { describe, expect, test } from "bun:test";
import { MemberTable, stateCodes } from "../../src/swim/member-table.ts";
import { NameTable } from "../../src/swim/name-table.ts";
import type { SwimRandom } from "../../src/swim/random.ts";
import { incarnation, ledgerVersions, names, placeOf } from "./solo-node.ts";
import { seededRandom } from "./wire/codec.ts";

const { alive, suspect, dead, left, unknown } = stateCodes;

function tableOf(
  count: number,
  {
    state = alive,
    random = seededRandom(3),
    namesOf = new NameTable(),
  }: { state?: number; random?: SwimRandom; namesOf?: NameTable } = {},
) {
  const table = new MemberTable(namesOf, random);
  for (const name of names(count)) add(table, name, state);
  return table;
}

function add(table: MemberTable, name: string, state: number): number {
  const slot = table.insert(name, 0, true);
  const parts = { endpoint: placeOf(name), meta: new Uint8Array(), versions: ledgerVersions };
  table.setProfile(slot, table.names.profile(slot, parts));
  table.setState(slot, state, incarnation, 0);
  return slot;
}

/** Walks to the end of the ring. */
function walk(table: MemberTable, retireBefore = 0): number[] {
  const slots: number[] = [];
  for (let slot = table.nextInRing(retireBefore); slot !== undefined; slot = table.nextInRing(retireBefore))
    slots.push(slot);
  return slots;
}

const sorted = (slots: readonly number[]) => slots.toSorted((one, other) => one - other);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("MemberTable.insert()", () => {
  test("adds a member as dead, of incarnation 0, from now on", () => {
    const table = new MemberTable(new NameTable(), seededRandom(3));
    const slot = table.insert("b", 77, true);
    expect([table.find("b"), table.stateName(slot), table.incarnationOf(slot), table.since(slot)]).toEqual([
      slot,
      "dead",
      0,
      77,
    ]);
    expect([table.size, table.known, table.active, table.ringLength]).toEqual([1, 1, 0, 1]);
  });

  test("may leave it out of the ring", () => {
    const table = tableOf(2);
    table.insert("b", 0, false);
    expect([table.known, table.ringLength, sorted(walk(table))]).toEqual([3, 2, [0, 1]]);
  });

  test("adds no member twice", () => {
    const table = tableOf(1);
    expect(() => table.insert("n0", 0, true)).toThrow("a member is added once");
  });

  test("keeps what it has while it grows", () => {
    const table = tableOf(1000);
    expect(upTo(1000).every((slot) => table.stateOf(slot) === alive)).toBe(true);
    expect(upTo(1000).every((slot) => table.incarnationOf(slot) === incarnation)).toBe(true);
    expect([...table.slots()]).toEqual(upTo(1000));
    expect(sorted(walk(table))).toEqual(upTo(1000));
  });
});

describe("MemberTable.find()", () => {
  test("does not find names that only others hold", () => {
    const shared = new NameTable();
    const table = tableOf(1, { namesOf: shared });
    shared.hold("theirs");
    expect([table.find("n0"), table.find("theirs"), table.find("nobody")]).toEqual([0, -1, -1]);
    expect([table.stateOf(1), table.stateOf(99), table.incarnationOf(99)]).toEqual([unknown, unknown, 0]);
    expect(() => table.profileOf(1)).toThrow("a member has a profile");
    expect(() => table.stateName(1)).toThrow("a member has a state");
  });

  test("knows the slots that another table has given names", () => {
    const shared = new NameTable();
    tableOf(40, { namesOf: shared });
    const table = new MemberTable(shared, seededRandom(4));
    expect([add(table, "n12", suspect), table.find("n12"), [...table.slots()]]).toEqual([38, 38, [38]]);
  });
});

describe("MemberTable.setState()", () => {
  test("counts who is alive or suspect, and remembers since when somebody is not alive", () => {
    const table = tableOf(1);
    const seen = [
      [suspect, 10],
      [suspect, 20],
      [dead, 30],
      [left, 40],
      [left, 50],
      [alive, 60],
    ].map(([state = 0, nowMs = 0]) => {
      table.setState(0, state, incarnation, nowMs);
      return [table.stateName(0), table.active, table.isActive(0), table.since(0)];
    });
    expect(seen).toEqual([
      ["suspect", 1, true, 10],
      ["suspect", 1, true, 10],
      ["dead", 0, false, 30],
      ["left", 0, false, 40],
      ["left", 0, false, 40],
      ["alive", 1, true, undefined],
    ]);
  });
});

describe("MemberTable.nextInRing()", () => {
  test("gives each member once, then in another order", () => {
    const table = tableOf(50);
    const walks = [walk(table), walk(table), walk(table)];
    expect(walks.map(sorted)).toEqual([upTo(50), upTo(50), upTo(50)]);
    expect(walks[1]).not.toEqual(walks[0]);
    expect(walks[2]).not.toEqual(walks[1]);
  });

  test("of nobody is at its end", () => {
    expect(tableOf(0).nextInRing(0)).toBeUndefined();
  });

  test("retires at its end those that are dead or left for long, and nobody else", () => {
    const table = tableOf(6);
    table.setState(0, dead, incarnation, 1000);
    table.setState(1, left, incarnation, 1000);
    table.setState(2, dead, incarnation, 2000);
    table.setState(3, suspect, incarnation, 1000);
    expect(sorted(walk(table, 2000))).toEqual(upTo(6));
    expect(sorted(walk(table, 2000))).toEqual([2, 3, 4, 5]);
    expect(upTo(6).map((slot) => table.isRetired(slot))).toEqual([true, true, false, false, false, false]);
    expect([...table.retired()].length).toBe(2);
    expect([table.size, table.known, table.active]).toEqual([4, 6, 3]);
    expect([table.find("n0"), table.stateName(0), table.stateName(1)]).toEqual([0, "dead", "left"]);
    expect(sorted([...table.slots()])).toEqual(upTo(6));
  });

  test("gives a retired member again once it is alive", () => {
    const table = tableOf(3);
    table.setState(1, dead, incarnation, 0);
    walk(table, 1);
    table.setState(1, dead, incarnation + 1, 5);
    expect([table.isRetired(1), sorted(walk(table))]).toEqual([true, [0, 2]]);
    table.setState(1, alive, incarnation + 2, 6);
    expect([table.isRetired(1), table.size, sorted(walk(table))]).toEqual([false, 3, [0, 1, 2]]);
  });
});

describe("MemberTable.insert() during a walk", () => {
  test.each(upTo(20))("lets nobody be given twice or be passed over (seed %d)", (seed) => {
    const table = tableOf(20, { random: seededRandom(seed) });
    const before = upTo(9).map(() => table.nextInRing(0) ?? -1);
    const newcomers = ["a", "b", "c", "d", "e", "f"].map((name) => add(table, name, alive));
    const after = walk(table);
    const known = sorted([...before, ...after].filter((slot) => !newcomers.includes(slot)));
    expect(known).toEqual(upTo(20));
    expect(new Set(after).size).toBe(after.length);
    expect(sorted(walk(table))).toEqual(upTo(26));
  });

  test("puts newcomers at random places", () => {
    const places = upTo(200).map((seed) => {
      const table = tableOf(9, { random: seededRandom(seed) });
      return walk(table).indexOf(8);
    });
    expect(upTo(9).map((place) => places.filter((at) => at === place).length > 5)).toEqual(
      upTo(9).map(() => true),
    );
  });
});

describe("MemberTable.remove()", () => {
  test("forgets a retired member and gives its name back", () => {
    const table = tableOf(2);
    table.setState(0, left, incarnation, 0);
    walk(table, 1);
    expect(table.oldestRetired()).toBe(0);
    table.remove(0);
    expect([table.find("n0"), table.known, table.size, table.since(0), table.oldestRetired()]).toEqual([
      -1,
      1,
      1,
      undefined,
      undefined,
    ]);
    expect([add(table, "b", suspect), table.names.nameOf(0), sorted(walk(table))]).toEqual([0, "b", [0, 1]]);
  });

  test("leaves nothing of it to the next one there", () => {
    const table = tableOf(1);
    table.setState(0, dead, incarnation, 0);
    walk(table, 1);
    table.remove(0);
    const slot = table.insert("b", 7, true);
    expect([slot, table.incarnationOf(slot), table.since(slot), table.isRetired(slot)]).toEqual([
      0,
      0,
      7,
      false,
    ]);
  });

  test("is for retired members only", () => {
    const table = tableOf(1, { state: dead });
    expect(() => table.remove(0)).toThrow("only a retired member is removed");
  });

  test("goes by who was retired first", () => {
    const table = tableOf(3);
    for (const slot of [2, 0, 1]) {
      table.setState(slot, dead, incarnation, 0);
      walk(table, 1);
    }
    const order = upTo(3).map(() => {
      const slot = table.oldestRetired() ?? -1;
      table.remove(slot);
      return slot;
    });
    expect(order).toEqual([2, 0, 1]);
  });
});

describe("MemberTable.pick()", () => {
  const everybody = () => true;

  test("gives different members at random, of those that are accepted", () => {
    const table = tableOf(20);
    const even = (slot: number) => slot % 2 === 0;
    const picks = upTo(200).map(() => table.pick(3, even));
    expect(picks.every((picked) => new Set(picked).size === 3 && picked.every(even))).toBe(true);
    expect(sorted([...new Set(picks.flat())])).toEqual(upTo(20).filter(even));
    expect(picks[1]).not.toEqual(picks[0]);
  });

  test("gives all there are if they are few", () => {
    const table = tableOf(3);
    expect(sorted(table.pick(3, everybody))).toEqual([0, 1, 2]);
    expect(sorted(table.pick(9, everybody))).toEqual([0, 1, 2]);
    expect(table.pick(3, () => false)).toEqual([]);
    expect(tableOf(0).pick(3, everybody)).toEqual([]);
    expect(table.pick(0, everybody)).toEqual([]);
  });

  test("finds the one among thousands that is accepted, whatever chance says", () => {
    const unlucky: SwimRandom = { below: () => 0, fill: () => undefined };
    const table = tableOf(3000, { random: unlucky });
    expect(table.pick(1, (slot) => slot === 2345)).toEqual([2345]);
  });

  test("gives nobody who is retired", () => {
    const table = tableOf(3);
    table.setState(1, dead, incarnation, 0);
    walk(table, 1);
    expect(sorted(table.pick(3, everybody))).toEqual([0, 2]);
  });
});
