import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LedgerError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import { type GroupMember, type GroupMessage, GroupTable } from "../../src/sync/groups.ts";

function member(memberId: string, rest: Partial<GroupMember> = {}): GroupMember {
  return { memberId, name: "", metadata: {}, nodeId: "n1", joinedAtNs: 1n, ...rest };
}

const message: GroupMessage = { id: "1", fromMemberId: "", payload: new Uint8Array(), sentAtNs: 1n };

describe("GroupTable", () => {
  test("tells those who are there of who joins and leaves, and nobody of himself", () => {
    const table = new GroupTable<string>();
    const a = member("a");
    const b = member("b");
    expect(table.join("ctx", "link a", a).delivery?.links).toEqual([]);
    expect(table.join("ctx", "link b", b).delivery).toEqual({
      links: ["link a"],
      event: { kind: "change", change: "joined", member: b },
    });
    expect(table.join("other", "link c", member("c")).delivery?.links).toEqual([]);
    expect(table.members("ctx")).toEqual([a, b]);
    expect(table.leave("ctx", "link a", "a")).toEqual({
      links: ["link b"],
      event: { kind: "change", change: "left", member: a },
    });
    table.leave("ctx", "link b", "b");
    expect([table.size, table.members("ctx")]).toEqual([1, []]);
  });

  test("takes one who joins twice for one member, until the last link is gone", () => {
    const table = new GroupTable<string>();
    table.join("ctx", "other", member("z"));
    table.join("ctx", "1", member("a"));
    expect(table.join("ctx", "2", member("a", { joinedAtNs: 9n })).delivery).toBeUndefined();
    expect(table.join("ctx", "2", member("a")).delivery).toBeUndefined();
    expect(table.members("ctx").map(({ memberId, joinedAtNs }) => [memberId, joinedAtNs])).toEqual([
      ["a", 1n],
      ["z", 1n],
    ]);
    expect(table.broadcast("ctx", message)).toEqual({
      delivery: { links: ["other", "1", "2"], event: { kind: "message", message } },
      members: 2,
    });
    expect(table.leave("ctx", "1", "a")).toBeUndefined();
    expect(table.leave("ctx", "1", "a")).toBeUndefined();
    expect(table.leave("ctx", "2", "a")?.links).toEqual(["other"]);
  });

  test.each<[string, Partial<GroupMember>]>([
    ["another name", { name: "x" }],
    ["another node", { nodeId: "n2" }],
    ["more metadata", { metadata: { role: "a", more: "" } }],
    ["other metadata", { metadata: { role: "b" } }],
    ["another name of metadata", { metadata: { rule: "a" } }],
  ])("tells that a member has %s now", (_, rest) => {
    const table = new GroupTable<string>();
    table.join("ctx", "1", member("a", { metadata: { role: "a" } }));
    const after = member("a", { metadata: { role: "a" }, ...rest });
    expect(table.join("ctx", "2", { ...after, joinedAtNs: 5n }).delivery).toEqual({
      links: ["1"],
      event: { kind: "change", change: "updated", member: after },
    });
  });

  test("tells a link of those that join beside others it has brought", () => {
    const table = new GroupTable<string>();
    table.join("ctx", "node", member("a"));
    expect(table.join("ctx", "node", member("b")).delivery?.links).toEqual(["node"]);
    table.leave("ctx", "node", "b");
    expect(table.broadcast("ctx", message).delivery.links).toEqual(["node"]);
    table.leave("ctx", "node", "a");
    expect(table.broadcast("ctx", message)).toMatchObject({ delivery: { links: [] }, members: 0 });
  });

  test("lets the oldest link of a member go if it has too many", () => {
    const table = new GroupTable<number>();
    for (let link = 0; link < limits.groupStreamsPerMemberMax; link += 1)
      expect(table.join("ctx", link, member("a")).replaced).toBeUndefined();
    // Who joins again over a link is the newest.
    table.join("ctx", 0, member("a"));
    expect(table.join("ctx", 99, member("a")).replaced).toBe(1);
    expect(table.broadcast("ctx", message).delivery.links).not.toContain(1);
    expect(table.leave("ctx", 1, "a")).toBeUndefined();
  });

  test("takes messages of members, and of nobody in particular", () => {
    const table = new GroupTable<string>();
    table.join("ctx", "1", member("a"));
    expect(table.broadcast("ctx", { ...message, fromMemberId: "a" }).members).toBe(1);
    for (const context of ["ctx", "empty"])
      expect(() => table.broadcast(context, { ...message, fromMemberId: "b" })).toThrow(
        expect.objectContaining({ code: "NOT_FOUND" }),
      );
  });

  test("refuses more members than a group may have, and more groups than there may be", () => {
    const table = new GroupTable<number>();
    for (let n = 0; n < limits.groupMembersMax; n += 1) table.join("ctx", n, member(`m${n}`));
    expect(() => table.join("ctx", 0, member("one more"))).toThrow(LedgerError);
    expect(table.join("ctx", 5, member("m1")).replaced).toBeUndefined();
    for (let n = 1; n < limits.groupsMax; n += 1) table.join(`ctx${n}`, n, member("a"));
    expect(() => table.join("one more", 0, member("a"))).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ reason: "GROUPS_TOO_MANY" }) }),
    );
    expect(table.size).toBe(limits.groupsMax);
    table.leave("ctx1", 1, "a");
    table.join("one more", 0, member("a"));
  });

  test("orders members as the bytes of their ids", () => {
    const table = new GroupTable<string>();
    for (const id of ["\u{1f600}", "\uffee", "a", "aa", ""]) table.join("ctx", id, member(id));
    expect(table.members("ctx").map(({ memberId }) => memberId)).toEqual([
      "",
      "a",
      "aa",
      "\uffee",
      "\u{1f600}",
    ]);
  });

  test("has whoever has a link, whatever joins and leaves", () => {
    const step = fc.record({
      joins: fc.boolean(),
      link: fc.integer({ min: 0, max: 3 }),
      id: fc.constantFrom("a", "b", "c"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new GroupTable<number>();
        const model = new Map<string, Set<number>>();
        for (const { joins, link, id } of steps) {
          const links = model.get(id) ?? new Set();
          if (joins) {
            table.join("ctx", link, member(id));
            model.set(id, links.add(link));
          } else {
            const left = table.leave("ctx", link, id);
            const isLast = links.delete(link) && links.size === 0;
            if (isLast) model.delete(id);
            expect(left?.event.kind === "change").toBe(isLast);
          }
          expect(table.members("ctx").map(({ memberId }) => memberId)).toEqual([...model.keys()].sort());
          const heard = table.broadcast("ctx", message).delivery.links;
          expect(new Set(heard)).toEqual(new Set([...model.values()].flatMap((all) => [...all])));
          expect(new Set(heard).size).toBe(heard.length);
        }
      }),
    );
  });
});
