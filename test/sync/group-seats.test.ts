import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import { GroupSeats, type LocalSeat } from "../../src/sync/group-seats.ts";
import type { GroupMember } from "../../src/sync/groups.ts";
import type { GroupNews } from "../../src/sync/peer-messages.ts";

function member(memberId: string, rest: Partial<GroupMember> = {}): GroupMember {
  return { memberId, name: "", metadata: {}, nodeId: "n1", joinedAtNs: 5n, ...rest };
}

function world() {
  const work: string[] = [];
  const moved: string[] = [];
  const seats = new GroupSeats({
    onWork: (home, contextId) => void work.push(`${home} ${contextId}`),
    onFormer: (home, contextId) => void work.push(`former ${home} ${contextId}`),
    onMoved: (contextId, refusals) => void moved.push(`${contextId} ${refusals}`),
  });
  const add = (memberId: string, rest: Partial<GroupMember> = {}) => {
    const events: string[] = [];
    const seat: LocalSeat = seats.add(
      "c",
      member(memberId, rest),
      {
        event: (event) =>
          void events.push(event.kind === "joined" ? `joined ${event.members.length}` : event.kind),
        ended: ({ facts }) => void events.push(facts.reason),
      },
      0,
    );
    return { seat, events };
  };
  const state = (home: string, number: number, ...members: GroupMember[]): void =>
    seats.news(home, { kind: "state", contextId: "c", number, members }, 0);
  const announced = (home: string, number: number, max = 100): string => {
    const { joins = [], leaves = [] } = seats.announce(home, "c", number, max) ?? {};
    return [...joins.map(({ memberId }) => `+${memberId}`), ...leaves.map((id) => `-${id}`)].join(" ");
  };
  return { seats, work, moved, add, state, announced };
}

const message: GroupNews = {
  ...{ kind: "event", contextId: "c" },
  event: { kind: "message", message: { id: "1", fromMemberId: "", payload: new Uint8Array(), sentAtNs: 0n } },
};

describe("GroupSeats", () => {
  test("tells a home what has changed, no more, and nothing that is over", () => {
    const { seats, work, add, announced } = world();
    const a = add("a");
    expect([work, announced("h", 1)]).toEqual([[], ""]);
    seats.place("c", "h", 0);
    const b = add("b");
    expect([work.length, announced("h", 1), announced("h", 2)]).toEqual([2, "+a +b", ""]);
    seats.remove(a.seat);
    add("c");
    const brief = add("d");
    seats.remove(brief.seat);
    seats.remove(brief.seat);
    expect([announced("h", 2), announced("h", 3)]).toEqual(["+c -a", ""]);
    // Whoever comes back before it was said that he left has not.
    seats.remove(b.seat);
    add("b");
    expect(announced("h", 4)).toBe("+b");
    expect(seats.isIdle("h")).toBe(false);
  });

  test("tells in portions", () => {
    const { seats, add, announced } = world();
    seats.place("c", "h", 0);
    for (const id of ["a", "b", "c"]) add(id);
    seats.place("c", "h", 0);
    expect([announced("h", 1, 2), announced("h", 2, 2), announced("h", 3, 2)]).toEqual(["+a +b", "+c", ""]);
  });

  test("lets a stream hear from the answer to its own announcement on", () => {
    const { seats, add, state, announced } = world();
    const a = add("a");
    seats.place("c", "h", 0);
    announced("h", 1);
    const again = add("a");
    seats.news("h", message, 0);
    state("h", 1, member("a"));
    seats.news("h", message, 0);
    announced("h", 2);
    state("h", 2, member("a"), member("z"));
    seats.news("h", message, 0);
    expect([a.events, again.events]).toEqual([
      ["joined 1", "message", "message"],
      ["joined 2", "message"],
    ]);
  });

  test("listens to the home that a group has now, and has everything told anew there", () => {
    const { seats, work, add, state, announced } = world();
    const a = add("a");
    seats.place("c", "h", 0);
    announced("h", 1);
    state("h", 1, member("a", { joinedAtNs: 2n }));
    seats.place("c", "i", 0);
    expect(work.slice(-2)).toEqual(["former h c", "i c"]);
    seats.news("h", message, 0);
    expect([announced("h", 2), announced("i", 1), seats.isIdle("h")]).toEqual(["-a", "+a", true]);
    seats.news("i", message, 0);
    state("i", 1, member("a"));
    expect(a.events).toEqual(["joined 1", "joined 1"]);
    // The time at which it has joined is as the first home had it.
    seats.lost("i", 0);
    expect(seats.announce("i", "c", 1, 9)?.joins).toEqual([member("a", { joinedAtNs: 5n })]);
  });

  test("keeps the time of joining that a home tells", () => {
    const { seats, add, state, announced } = world();
    add("a");
    seats.place("c", "h", 0);
    announced("h", 1);
    state("h", 1, member("a", { joinedAtNs: 2n }));
    seats.lost("h", 0);
    expect(seats.announce("h", "c", 1, 9)?.joins).toEqual([member("a", { joinedAtNs: 2n })]);
  });

  test("looks for another home when one says that it is none", () => {
    const { seats, moved, add, state, announced } = world();
    add("a");
    for (const number of [1, 2]) {
      seats.place("c", "h", 0);
      announced("h", number);
      seats.refused("h", number, { kind: "not-home", contextId: "c" }, 0);
      expect([seats.homeOf("c"), seats.isIdle("h")]).toEqual([undefined, true]);
    }
    seats.place("c", "h", 0);
    announced("h", 3);
    state("h", 3, member("a"));
    seats.news("other", { kind: "moved", contextId: "c" }, 0);
    seats.news("h", { kind: "moved", contextId: "c" }, 0);
    expect(moved).toEqual(["c 1", "c 2", "c 1"]);
  });

  test("ends whom the home has no room for, who has joined too often, and the oldest of too many", () => {
    const { seats, add, state, announced } = world();
    seats.place("c", "h", 0);
    const [a, b] = [add("a"), add("b")];
    seats.place("c", "h", 0);
    announced("h", 1);
    seats.refused("h", 1, { kind: "full", contextId: "c", memberId: "b" }, 0);
    state("h", 1, member("a"));
    expect([a.events, b.events]).toEqual([["joined 1"], ["GROUP_FULL"]]);
    const second = add("a");
    seats.news("h", { kind: "replaced", contextId: "c", memberId: "a" }, 0);
    expect([a.events.at(-1), second.events]).toEqual(["GROUP_MEMBER_REPLACED", []]);
    const many = Array.from({ length: limits.groupStreamsPerMemberMax }, () => add("a"));
    expect([second.events, many[0]?.events]).toEqual([["GROUP_MEMBER_REPLACED"], []]);
  });

  test("ends who waits for a home for too long, and nobody else", () => {
    const { seats, add, state, announced } = world();
    const failure = (): LedgerError => new LedgerError("UNAVAILABLE", "x", { reason: "LATE" });
    seats.place("c", "h", 0);
    const a = add("a");
    seats.place("c", "h", 0);
    announced("h", 1);
    state("h", 1, member("a"));
    seats.endWaiting(1000, failure);
    expect(a.events).toEqual(["joined 1"]);
    seats.lost("h", 500);
    seats.endWaiting(499, failure);
    expect(a.events).toEqual(["joined 1"]);
    seats.endWaiting(500, failure);
    expect([a.events.at(-1), seats.contextIds()]).toEqual(["LATE", []]);
  });
});
