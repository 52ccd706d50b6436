import { describe, expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type MemberWatchItem, watchMembers } from "../../src/client/member-watch.ts";
import {
  MemberChangeKind as Kind,
  MemberState as State,
  type MemberSchema,
  WatchMembersResponseSchema,
} from "../../src/gen/converge/ledger/v1/membership_pb.ts";

type MemberInit = MessageInitShape<typeof MemberSchema>;
type Step = MemberInit | "complete" | "heartbeat" | { kind: Kind; of: MemberInit };

const policy = { attemptsMax: 2, backoff: { firstMs: 1, maxMs: 1 }, random: () => 0, onRetry: () => {} };

/** Watches through connections that send what is given and then break, and after the last refuses for good. */
async function watched(...connections: readonly (readonly Step[])[]): Promise<string[]> {
  const texts: string[] = [];
  const left = [...connections];
  const open = async function* () {
    const steps = left.shift();
    if (steps === undefined) throw new ConnectError("that is all", Code.PermissionDenied);
    for (const step of steps) yield create(WatchMembersResponseSchema, { event: eventOf(step) });
    throw new ConnectError("broken", Code.Unavailable);
  };
  try {
    for await (const item of watchMembers(open, {}, policy)) texts.push(textOf(item));
  } catch (error) {
    texts.push(`ended: ${ConnectError.from(error).rawMessage}`);
  }
  return texts;
}

/** A connection on which nothing comes after the members, until it is given up. */
async function* silentAfterMembers(_: unknown, signal: AbortSignal) {
  yield create(WatchMembersResponseSchema, { event: { case: "complete", value: {} } });
  signal.throwIfAborted();
  await new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function eventOf(step: Step): NonNullable<MessageInitShape<typeof WatchMembersResponseSchema>["event"]> {
  if (step === "complete") return { case: "complete", value: {} };
  if (step === "heartbeat") return { case: "heartbeat", value: {} };
  if ("of" in step) return { case: "change", value: { kind: step.kind, member: step.of } };
  return { case: "member", value: step };
}

function textOf(item: MemberWatchItem): string {
  return item.kind === "members"
    ? `members ${item.members.map(({ name }) => name).join(" ")}`
    : `${Kind[item.change]} ${item.member.name}`;
}

function member(name: string, state = State.ALIVE, rest: MemberInit = {}): MemberInit {
  return { name, state, stateSinceNs: 1n, version: "1", ...rest };
}

describe("watchMembers()", () => {
  test("yields the members at once, and then changes", async () => {
    expect(
      await watched([
        member("a"),
        member("b"),
        "complete",
        { kind: Kind.DIED, of: member("b", State.DEAD) },
        "heartbeat",
        { kind: Kind.FORGOTTEN, of: member("b", State.LEFT) },
      ]),
    ).toEqual(["members a b", "DIED b", "FORGOTTEN b", "ended: that is all"]);
  });

  const before = [member("a"), "complete"] as const;
  const cases: [string, readonly Step[], string[]][] = [
    ["nothing, if nothing changed", [member("a", State.ALIVE, { stateSinceNs: 9n }), "complete"], []],
    ["who has joined", [member("a"), member("b"), "complete"], ["JOINED b"]],
    ["who is suspected", [member("a", State.SUSPECT), "complete"], ["SUSPECTED a"]],
    ["who has died", [member("a", State.DEAD), "complete"], ["DIED a"]],
    ["who has left", [member("a", State.LEFT), "complete"], ["LEFT a"]],
    ["who says something else", [member("a", State.ALIVE, { version: "2" }), "complete"], ["UPDATED a"]],
    ["who is forgotten", ["complete"], ["FORGOTTEN a"]],
    ["nothing before all members were told", [member("b")], []],
  ];
  test.each(cases)("tells after a broken connection of %s", async (_, after, told) => {
    expect(await watched(before, after)).toEqual(["members a", ...told, "ended: that is all"]);
  });

  test("compares with what it was told last", async () => {
    const died: Step = { kind: Kind.DIED, of: member("a", State.DEAD) };
    const joined: Step = { kind: Kind.JOINED, of: member("b") };
    expect(
      await watched(
        [...before, died, joined],
        [member("a"), member("b"), "complete"],
        [member("b"), "complete"],
      ),
    ).toEqual(["members a", "DIED a", "JOINED b", "JOINED a", "FORGOTTEN a", "ended: that is all"]);
  });

  test("tells after a broken connection of a suspect that is alive after all", async () => {
    const suspect = [member("a", State.SUSPECT), "complete"] as const;
    expect(await watched(suspect, before)).toEqual(["members a", "RECOVERED a", "ended: that is all"]);
  });

  test("gives up before it was ever told the members", async () => {
    expect(await watched([], [], [...before])).toEqual(["ended: broken"]);
  });

  test("ends with the reason of its signal", async () => {
    const abort = new AbortController();
    const items = watchMembers(silentAfterMembers, { signal: abort.signal }, policy);
    expect((await items.next()).value).toEqual({ kind: "members", members: [] });
    const next = items.next();
    abort.abort(new Error("enough"));
    await expect(next).rejects.toThrow("enough");
  });

  test("takes a connection for broken on which nothing comes, not even heartbeats", async () => {
    let opened = 0;
    const items = watchMembers(
      (request, signal) => {
        opened += 1;
        if (opened === 3) throw new ConnectError("that is all", Code.PermissionDenied);
        return silentAfterMembers(request, signal);
      },
      { heartbeatMs: 5 },
      policy,
    );
    await items.next();
    await expect(items.next()).rejects.toThrow("that is all");
    expect(opened).toBe(3);
  });
});
