import { describe, expect, test } from "bun:test";
import type { Member } from "../../src/core/member.ts";
import { membershipChecks, membershipReport } from "../../src/rpc/membership-reading.ts";
import { aloneCluster } from "../../src/server/alone-cluster.ts";
import { fakeCluster, member } from "../support/fake-cluster.ts";

const alone = aloneCluster({ self: () => ({ name: "n-1", tags: {} }), sinceMs: 0, hasOthers: () => false });
const self = member("a", { isSelf: true });

describe("membershipChecks()", () => {
  const cases: [readonly Member[], string][] = [
    [[self], "1 alive"],
    [[self, member("b"), member("c"), member("d", { state: "dead" })], "3 alive, 1 dead"],
    [[self, member("b", { state: "suspect" }), member("c", { state: "left" })], "1 alive, 1 suspect, 1 left"],
  ];
  test.each(cases)("counts %#, and is ready whatever others do", (members, detail) => {
    expect(membershipChecks(fakeCluster({ members }))).toEqual([{ name: "members", ok: true, detail }]);
  });

  test("is degraded if this node has left", () => {
    const members = [member("a", { isSelf: true, state: "left" }), member("b")];
    const left = { ...fakeCluster({ members }), status: () => undefined };
    expect(membershipChecks(left)).toMatchObject([{ ok: true, degraded: true }]);
    expect(membershipReport(left)).toMatchObject({ gossip: false, counts: { alive: 1, left: 1 } });
  });

  test("is not ready before this node has heard from its cluster", () => {
    const [check] = membershipChecks(fakeCluster({ hasExchanged: false }));
    expect(check).toMatchObject({ name: "members", ok: false });
    expect(check?.detail).toStartWith("has not heard from its cluster since it was started; ");
  });

  test("says nothing without gossip", () => {
    expect(membershipChecks(alone)).toEqual([]);
  });

  test("is not ready without gossip if others are on its roster", () => {
    const cutOff = { ...alone, hasExchanged: () => false };
    expect(membershipChecks(cutOff)).toMatchObject([
      { ok: false, detail: expect.stringContaining("--gossip") },
    ]);
  });
});

describe("membershipReport()", () => {
  test("has the status, the counts and a line for each member", () => {
    expect(membershipReport(fakeCluster({ members: [self, member("b", { state: "dead" })] }))).toEqual({
      gossip: true,
      address: "127.0.0.1:7946",
      profile: "local",
      isEncrypted: true,
      label: "blue",
      healthScore: 2,
      counts: { alive: 1, suspect: 0, dead: 1, left: 0 },
      members: [
        "a alive 127.0.0.1:7946 1.2.3 since 2026-11-23T08:26:42.250Z, this node",
        "b dead 127.0.0.1:7946 1.2.3 since 2026-11-23T08:26:42.250Z",
      ],
      more: 0,
    });
  });

  test("names at most 64 members, and says how many more there are", () => {
    const others = Array.from({ length: 99 }, (_, index) => member(`m-${index}`));
    const report = membershipReport(fakeCluster({ members: [self, ...others] }));
    expect(report).toMatchObject({ counts: { alive: 100 }, more: 36 });
    expect((report as { members: unknown[] }).members).toHaveLength(64);
  });

  test("says that there is no gossip", () => {
    expect(membershipReport(alone)).toEqual({ gossip: false });
  });
});
