import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { MemberChangeKind } from "../../src/core/member.ts";
import { PendingChanges } from "../../src/rpc/pending-changes.ts";
import { member } from "../support/fake-cluster.ts";

type Change = [MemberChangeKind, name: string, incarnation: number];

function afterAll(known: string[], changes: readonly Change[]): Change[] {
  const pending = new PendingChanges(known);
  for (const [kind, name, incarnation] of changes)
    pending.put({ kind, member: member(name, { incarnation }) });
  return drained(pending);
}

function drained(pending: PendingChanges): Change[] {
  const told: Change[] = [];
  for (let change = pending.take(); change !== undefined; change = pending.take())
    told.push([change.kind, change.member.name, change.member.incarnation]);
  return told;
}

describe("PendingChanges", () => {
  const cases: [string, string[], Change[], Change[]][] = [
    [
      "keeps changes of different members in order",
      ["a"],
      [
        ["died", "a", 1],
        ["joined", "b", 1],
      ],
      [
        ["died", "a", 1],
        ["joined", "b", 1],
      ],
    ],
    [
      "makes one of a member's changes, at the place of the last",
      ["a", "b"],
      [
        ["suspected", "a", 1],
        ["left", "b", 1],
        ["died", "a", 2],
      ],
      [
        ["left", "b", 1],
        ["died", "a", 2],
      ],
    ],
    [
      "keeps what has happened beside an update",
      [],
      [
        ["joined", "a", 1],
        ["updated", "a", 2],
      ],
      [["joined", "a", 2]],
    ],
    [
      "says nothing of who came and went",
      ["a"],
      [
        ["joined", "b", 1],
        ["died", "b", 1],
        ["forgotten", "b", 1],
      ],
      [],
    ],
    [
      "says that who was known is forgotten",
      ["a"],
      [
        ["died", "a", 1],
        ["forgotten", "a", 1],
      ],
      [["forgotten", "a", 1]],
    ],
    [
      "tells of who came back after it was forgotten",
      ["a"],
      [
        ["forgotten", "a", 1],
        ["joined", "a", 2],
      ],
      [["joined", "a", 2]],
    ],
  ];
  test.each(cases)("%s", (_, known, changes, told) => {
    expect(afterAll(known, changes)).toEqual(told);
  });

  test("knows of those it has told, and no more of those it has told to be forgotten", () => {
    const pending = new PendingChanges([]);
    pending.put({ kind: "joined", member: member("a") });
    expect(drained(pending)).toHaveLength(1);
    pending.put({ kind: "forgotten", member: member("a") });
    expect(drained(pending)).toHaveLength(1);
    pending.put({ kind: "joined", member: member("a") });
    pending.put({ kind: "forgotten", member: member("a") });
    expect(drained(pending)).toEqual([]);
  });

  test("gives whoever takes now and then the members there are, and never holds more than those it knew and knows", () => {
    const step = fc.oneof(
      fc.constant("take" as const),
      fc.tuple(fc.constantFrom("a", "b", "c", "d", "e"), fc.boolean()),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pending = new PendingChanges([]);
        const members = new Map<string, number>();
        const seen = new Map<string, number>();
        const see = (change: ReturnType<PendingChanges["take"]>): void => {
          if (change === undefined) return;
          if (change.kind === "forgotten") expect(seen.delete(change.member.name)).toBe(true);
          else seen.set(change.member.name, change.member.incarnation);
        };
        for (const [incarnation, one] of steps.entries()) {
          if (one === "take") {
            see(pending.take());
            continue;
          }
          const [name, isThere] = one;
          const changed = member(name, { incarnation });
          if (isThere) pending.put({ kind: members.has(name) ? "updated" : "joined", member: changed });
          else if (members.has(name)) pending.put({ kind: "forgotten", member: changed });
          if (isThere) members.set(name, incarnation);
          else members.delete(name);
        }
        let held = 0;
        for (let change = pending.take(); change !== undefined; change = pending.take(), held += 1)
          see(change);
        expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(members));
        expect(held).toBeLessThanOrEqual(5);
      }),
      { numRuns: 300 },
    );
  });
});
