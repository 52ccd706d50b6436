import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { GroupHome, type GroupSession } from "../../src/sync/group-home.ts";
import { GroupOutbox } from "../../src/sync/group-outbox.ts";
import type { GroupMember, GroupMessage } from "../../src/sync/groups.ts";
import type { AnnounceItem } from "../../src/sync/peer-messages.ts";

function member(memberId: string, nodeId = "n1"): GroupMember {
  return { memberId, name: "", metadata: {}, nodeId, joinedAtNs: 1n };
}

function message(bytes = 0): GroupMessage {
  return { id: "1", fromMemberId: "", payload: new Uint8Array(bytes), sentAtNs: 1n };
}

function joins(...memberIds: string[]): AnnounceItem {
  return { contextId: "c", joins: memberIds.map((memberId) => member(memberId)), leaves: [] };
}

/** What waits in a session, in short. */
function heard({ outbox }: GroupSession): string[] {
  return outbox.take().map((news) => {
    if (news.kind === "state")
      return `state ${news.number} ${news.members.map(({ memberId }) => memberId).join()}`;
    if (news.kind !== "event") return news.kind;
    return news.event.kind === "message" ? "message" : `${news.event.change} ${news.event.member.memberId}`;
  });
}

describe("GroupHome", () => {
  test("tells a node who is there after each announcement, and the others what it changes", () => {
    const home = new GroupHome();
    const [one, two] = [home.open("n1", 1), home.open("n2", 2)];
    expect(home.announce("n1", { session: 1, number: 1, items: [joins("a", "b")] }, false)).toEqual([]);
    expect(heard(one)).toEqual(["joined b", "state 1 a,b"]);
    home.announce("n2", { session: 2, number: 1, items: [joins("z")] }, false);
    expect([heard(one), heard(two)]).toEqual([["joined z"], ["state 1 a,b,z"]]);
    const change = { contextId: "c", joins: [member("c")], leaves: ["a"] };
    home.announce("n1", { session: 1, number: 2, items: [change] }, false);
    expect([heard(one), heard(two)]).toEqual([
      ["left a", "joined c", "state 2 b,c,z"],
      ["left a", "joined c"],
    ]);
    expect(home.broadcast("c", message())).toBe(3);
    expect([heard(one), heard(two)]).toEqual([["message"], ["message"]]);
    home.close(one);
    home.close(one);
    expect([heard(two), home.members("c").length]).toEqual([["left b", "left c"], 1]);
    home.closeNode("n2");
    expect([home.size, home.nodeIds()]).toEqual([0, []]);
    expect(two.outbox.failure).toMatchObject({ facts: { reason: "GROUP_SESSION_OVER" } });
  });

  test("forgets what a node has said in an earlier session, and hears nothing more of that", () => {
    const home = new GroupHome();
    const first = home.open("n1", 1);
    home.announce("n1", { session: 1, number: 1, items: [joins("a")] }, false);
    home.open("n1", 2);
    expect(home.members("c")).toEqual([]);
    expect(() => home.announce("n1", { session: 1, number: 2, items: [joins("a")] }, false)).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ reason: "GROUP_SESSION_OVER" }) }),
    );
    expect(() => home.announce("n2", { session: 1, number: 1, items: [] }, false)).toThrow();
    home.close(first);
    expect(home.nodeIds()).toEqual(["n1"]);
  });

  test("tells of a group that settles once, when it has", () => {
    const home = new GroupHome();
    const [one, two, three] = [home.open("n1", 1), home.open("n2", 2), home.open("n3", 3)];
    home.announce("n1", { session: 1, number: 1, items: [joins("a")] }, true);
    home.announce("n2", { session: 2, number: 1, items: [joins("b")] }, true);
    home.announce("n2", { session: 2, number: 2, items: [joins("c")] }, false);
    home.announce("n3", { session: 3, number: 1, items: [joins("d")] }, true);
    home.close(three);
    expect([home.isSettling("c"), heard(one), heard(two)]).toEqual([true, [], []]);
    home.settle();
    expect([home.isSettling("c"), heard(one), heard(two)]).toEqual([
      false,
      ["state 1 a,b,c"],
      ["state 2 a,b,c"],
    ]);
    // One that is there already does not settle again.
    home.announce("n1", { session: 1, number: 2, items: [joins("e")] }, true);
    expect([heard(one), heard(two)]).toEqual([["joined e", "state 2 a,b,c,e"], ["joined e"]]);
  });

  test("lets go of a group that is at home elsewhere", () => {
    const home = new GroupHome();
    const one = home.open("n1", 1);
    home.announce("n1", { session: 1, number: 1, items: [joins("a")] }, true);
    home.drop("c");
    home.settle();
    expect([heard(one), home.size, home.isSettling("c")]).toEqual([["moved"], 0, false]);
    home.close(one);
  });

  test("refuses whom a group has no room for, and takes the others", () => {
    const home = new GroupHome();
    const one = home.open("n1", 1);
    const all = Array.from({ length: limits.groupMembersMax + 1 }, (_, n) => `${n}`);
    const refusals = home.announce("n1", { session: 1, number: 1, items: [joins(...all)] }, false);
    expect(refusals).toEqual([{ kind: "full", contextId: "c", memberId: `${limits.groupMembersMax}` }]);
    const pieces: string[][] = [];
    for (let piece = heard(one); piece.length > 0; piece = heard(one)) pieces.push(piece);
    expect(pieces.at(-1)?.at(-1)).toStartWith("state 1 ");
    expect(home.announce("n1", { session: 1, number: 2, items: [joins("x")] }, false)).toHaveLength(1);
    expect(heard(one)).toEqual([]);
  });

  test("tells a node that its member has joined at too many others since", () => {
    const home = new GroupHome();
    const sessions = Array.from({ length: limits.groupStreamsPerMemberMax + 1 }, (_, n) =>
      home.open(`n${n}`, 1),
    );
    for (const { nodeId } of sessions)
      home.announce(nodeId, { session: 1, number: 1, items: [joins("a")] }, false);
    expect(sessions.map((session) => heard(session).includes("replaced"))).toEqual(
      sessions.map((_, index) => index === 0),
    );
    for (const session of sessions) home.close(session);
    expect(home.size).toBe(0);
  });

  test("cuts a node that takes nothing, and goes on for the others", () => {
    const home = new GroupHome();
    const [one, two] = [home.open("n1", 1), home.open("n2", 2)];
    home.announce("n1", { session: 1, number: 1, items: [joins("a")] }, false);
    home.announce("n2", { session: 2, number: 1, items: [joins("b")] }, false);
    const bytes = limits.groupPayloadBytesMax;
    for (let sent = 0; sent <= limits.groupNodeUnsentBytesMax; sent += bytes) {
      home.broadcast("c", message(bytes));
      heard(two);
    }
    expect(one.outbox.failure).toMatchObject({ facts: { reason: "GROUP_NODE_TOO_SLOW" } });
    expect([two.outbox.failure, heard(one)]).toEqual([undefined, []]);
  });
});

describe("GroupOutbox", () => {
  test("gives as much as goes into one piece, in order, and at least one", () => {
    const outbox = new GroupOutbox();
    const large = {
      kind: "event",
      contextId: "c",
      event: { kind: "message", message: message(65_536) },
    } as const;
    for (let n = 0; n < 10; n += 1) outbox.push(large);
    const pieces = [];
    for (let piece = outbox.take(); piece.length > 0; piece = outbox.take()) pieces.push(piece.length);
    expect(pieces).toEqual([3, 3, 3, 1]);
    const members = Array.from({ length: 1024 }, (_, n) => member(`${n}`));
    for (const number of [1, 2]) outbox.push({ kind: "state", contextId: "c", number, members });
    expect([outbox.take().length, outbox.take().length, outbox.take().length]).toEqual([1, 1, 0]);
  });

  test("tells that there is something, also that it ends", () => {
    const home = new GroupHome();
    const session = home.open("n", 1);
    const { outbox } = session;
    let changes = 0;
    outbox.onChange = () => (changes += 1);
    outbox.push({ kind: "moved", contextId: "c" });
    expect([changes, outbox.isEmpty]).toEqual([1, false]);
    home.close(session);
    outbox.push({ kind: "moved", contextId: "c" });
    expect([changes, outbox.isEmpty]).toEqual([2, true]);
  });

  test("is bounded in pieces too", () => {
    const outbox = new GroupOutbox();
    for (let n = 0; n <= limits.groupNodeUnsentMax; n += 1) outbox.push({ kind: "moved", contextId: "c" });
    expect(outbox.failure?.facts.reason).toBe("GROUP_NODE_TOO_SLOW");
  });
});
