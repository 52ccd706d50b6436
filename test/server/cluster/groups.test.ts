import { describe, expect, test } from "bun:test";
import { limits } from "../../../src/core/limits.ts";
import { failure, GroupGuest, GroupWorld, nodeId, send } from "../../support/group-world.ts";
import { factsOf } from "../../support/ledger-world.ts";
import { until } from "../../support/until.ts";

const never = new AbortController().signal;

async function membersAt(world: GroupWorld, number: number, contextId = "c"): Promise<string> {
  const { members } = await world.at(number).view(contextId, never);
  return members.map((member) => `${member.memberId}@${member.nodeId.slice(0, 1)}`).join(" ");
}

/** Three nodes with a member at each; the first is the home. */
async function three(): Promise<{ world: GroupWorld; guests: readonly GroupGuest[] }> {
  const world = new GroupWorld(3);
  const guests: GroupGuest[] = [];
  for (const number of [1, 2, 3]) {
    guests.push(new GroupGuest(world.at(number), `m${number}`));
    await until("it is in", () => guests.at(-1)?.events.length === 1);
  }
  for (const guest of guests.slice(0, 2)) await guest.hears("joined m3");
  return { world, guests };
}

describe("a group over several nodes", () => {
  test("is one group, joined, seen and spoken to at any node", async () => {
    const { world, guests } = await three();
    using _ = world;
    const all = "m1@1 m2@2 m3@3";
    for (const number of [1, 2, 3]) {
      expect(await membersAt(world, number)).toBe(all);
      expect(await send(world.at(number), `from ${number}`, "m3")).toBe(3);
    }
    for (const guest of guests) await guest.hears("message from 3");
    expect(guests.map(({ events }) => events)).toEqual([
      ["group m1@1", "joined m2", "joined m3", "message from 1", "message from 2", "message from 3"],
      ["group m1@1 m2@2", "joined m3", "message from 1", "message from 2", "message from 3"],
      [`group ${all}`, "message from 1", "message from 2", "message from 3"],
    ]);
    await guests[2]?.leave();
    for (const guest of guests.slice(0, 2)) await guest.hears("left m3");
    expect(await factsOf(send(world.at(2), "x", "m3"))).toMatchObject({ reason: "GROUP_MEMBER_NOT_FOUND" });
    expect(await membersAt(world, 3)).toBe("m1@1 m2@2");
  });

  test("does not mix with another", async () => {
    const { world, guests } = await three();
    using _ = world;
    const other = new GroupGuest(world.at(2), "m1", "other");
    await other.hears("group m1@2");
    expect(await send(world.at(1), "x", "m1", "other")).toBe(1);
    await other.hears("message x");
    expect(guests.flatMap(({ messages }) => messages)).toEqual([]);
  });

  test("has one who joins at two nodes as one member, which each of its streams hears for", async () => {
    const { world, guests } = await three();
    using _ = world;
    const again = new GroupGuest(world.at(3), "m1");
    await again.hears("group m1@3 m2@2 m3@3");
    await guests[1]?.hears("updated m1");
    expect(await send(world.at(2), "x")).toBe(3);
    for (const guest of [...guests, again]) await guest.hears("message x");
    await guests[0]?.leave();
    expect(await membersAt(world, 2)).toBe("m1@3 m2@2 m3@3");
    await again.leave();
    await guests[1]?.hears("left m1");
  });

  test("tells who serves and who watches, and which nodes did not say, in bounded time", async () => {
    const { world } = await three();
    using _ = world;
    world.watchers.set("1 c", 2);
    world.watchers.set("2 c", 5);
    world.watchers.set("2 other", 9);
    world.silent.add("2>3");
    const { servers, watchers } = await world.at(2).view("c", never);
    expect(servers.map((server) => [server.nodeId, server.isHome])).toEqual([
      [nodeId(1), true],
      [nodeId(2), false],
      [nodeId(3), false],
    ]);
    expect(watchers).toEqual([
      { nodeId: nodeId(1), name: "n1", watchers: 2, error: undefined },
      { nodeId: nodeId(2), name: "n2", watchers: 5, error: undefined },
      { nodeId: nodeId(3), name: "n3", watchers: 0, error: "PEER_TIMEOUT" },
    ]);
  });
});

describe("when the home dies", () => {
  test("the next one knows everybody soon, and everybody is told once who is there", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.crash(1);
    world.see([2, 3], [2, 3]);
    // Nobody is spoken to before all of them are there.
    expect(await send(world.at(3), "after")).toBe(2);
    for (const guest of guests.slice(1)) await guest.hears("message after");
    expect(guests[1]?.events.slice(-2)).toEqual(["group m2@2 m3@3", "message after"]);
    expect(guests[2]?.events.slice(-2)).toEqual(["group m2@2 m3@3", "message after"]);
    expect(await membersAt(world, 3)).toBe("m2@2 m3@3");
  });

  test("nodes that hear of it at different times come together", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.crash(1);
    world.see([3], [2, 3]);
    await Bun.sleep(30);
    expect(await Promise.race([send(world.at(3), "early"), Bun.sleep(10)])).toBeUndefined();
    world.see([2], [2, 3]);
    for (const guest of guests.slice(1)) await guest.hears("message early");
    expect(await membersAt(world, 3)).toBe("m2@2 m3@3");
  });

  test("until somebody says so, what needs it is UNAVAILABLE", async () => {
    const { world } = await three();
    using _ = world;
    world.crash(1);
    const lost = { code: "UNAVAILABLE", reason: "HOME_UNREACHABLE", value: "n1" };
    expect(await factsOf(send(world.at(2), "x"))).toMatchObject(lost);
    expect(await factsOf(world.at(3).view("c", never))).toMatchObject(lost);
    const late = new GroupGuest(world.at(2), "late");
    expect(await late.ended).toBe("HOME_UNREACHABLE");
  });

  test("and comes back, the group goes back to it", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.crash(1);
    world.see([2, 3], [2, 3]);
    await guests[1]?.hears("group m2@2 m3@3");
    world.start(1);
    world.see([1, 2, 3], [1, 2, 3]);
    await until("both are known there", async () => (await membersAt(world, 1)) === "m2@2 m3@3");
    expect(await send(world.at(1), "back")).toBe(2);
    for (const guest of guests.slice(1)) await guest.hears("message back");
    expect(guests[2]?.messages).toEqual(["back"]);
  });

  test("a home that starts anew unnoticed learns of everybody again", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.crash(1);
    world.start(1);
    await until("they are there", async () => (await membersAt(world, 2)) === "m2@2 m3@3");
    expect(await send(world.at(3), "again")).toBe(2);
    for (const guest of guests.slice(1)) await guest.hears("message again");
  });
});

describe("when a node dies", () => {
  test("its members are gone as soon as its stream is, or somebody says so", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.crash(3);
    for (const guest of guests.slice(0, 2)) await guest.hears("left m3");
    world.see([1, 2], [1, 2]);
    world.crash(2);
    await guests[0]?.hears("left m2");
    world.see([1], [1]);
    expect(await send(world.at(1), "alone")).toBe(1);
    await guests[0]?.hears("message alone");
  });

  test("its members are gone when somebody says so, and back if it was a mistake", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.see([1, 2], [1, 2]);
    for (const guest of guests.slice(0, 2)) await guest.hears("left m3");
    expect(await membersAt(world, 2)).toBe("m1@1 m2@2");
    world.see([1, 2], [1, 2, 3]);
    await until("it is back", async () => (await membersAt(world, 2)) === "m1@1 m2@2 m3@3");
    expect(await send(world.at(2), "x")).toBe(3);
    await guests[2]?.hears("message x");
  });

  test("it does not delay what others are sent", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.silent.add("1>3");
    world.silent.add("3>1");
    const beganMs = performance.now();
    for (let n = 0; n < 50; n += 1) await send(world.at(2), `${n}`);
    await guests[1]?.hears("message 49");
    expect(performance.now() - beganMs).toBeLessThan(2000);
  });

  test("and joins again with the same member, there is one of it", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.crash(3);
    world.start(3);
    const again = new GroupGuest(world.at(3), "m3");
    await until("it is in", () => again.events.length === 1);
    expect(await membersAt(world, 1)).toBe("m1@1 m2@2 m3@3");
    await guests[0]?.hears("joined m3");
  });
});

describe("in a partition", () => {
  test("each side has its own, and afterwards it is one again, with nothing heard twice", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.part([1], [2, 3]);
    world.see([1], [1]);
    world.see([2, 3], [2, 3]);
    expect(await send(world.at(1), "one")).toBe(1);
    expect(await send(world.at(3), "two")).toBe(2);
    await guests[0]?.hears("message one");
    for (const guest of guests.slice(1)) await guest.hears("message two");
    world.cut.clear();
    world.see([1, 2, 3], [1, 2, 3]);
    await until("it is one", async () => (await membersAt(world, 2)) === "m1@1 m2@2 m3@3");
    expect(await send(world.at(2), "all")).toBe(3);
    for (const guest of guests) await guest.hears("message all");
    expect(guests.map(({ messages }) => messages)).toEqual([
      ["one", "all"],
      ["two", "all"],
      ["two", "all"],
    ]);
  });

  test("a member without a home is told, and another joins as soon as there is one", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.holders = () => [1];
    world.part([1], [2, 3]);
    world.see([2, 3], [2, 3]);
    expect(await guests[1]?.ended).toBe("NO_HOME");
    expect(await factsOf(send(world.at(3), "x"))).toMatchObject({ code: "UNAVAILABLE", reason: "NO_HOME" });
    expect(await new GroupGuest(world.at(2), "m2").ended).toBe("NO_HOME");
    world.cut.clear();
    world.see([2, 3], [1, 2, 3]);
    const again = new GroupGuest(world.at(2), "m2");
    await again.hears("group m1@1 m2@2");
  });

  test("a member whose home is alive and not reached is told", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.part([1], [3]);
    expect(await guests[2]?.ended).toBe("HOME_UNREACHABLE");
    expect(await membersAt(world, 2)).toBe("m1@1 m2@2");
  });

  test("a broken connection is made again, and everybody is there as before", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.breakStreams((from) => from === "3");
    await until("it is back", () => guests[0]?.events.length === 5);
    expect(guests[0]?.events).toEqual(["group m1@1", "joined m2", "joined m3", "left m3", "joined m3"]);
    expect(await send(world.at(3), "x", "m3")).toBe(3);
    await guests[2]?.hears("message x");
  });

  test("a message whose answer is lost is not sent again", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.lossy.add("2>1");
    expect(await factsOf(send(world.at(2), "x"))).toMatchObject({
      ...{ code: "UNAVAILABLE", reason: "OUTCOME_UNKNOWN", value: "n1" },
    });
    await guests[0]?.hears("message x");
    expect(guests[0]?.messages).toEqual(["x"]);
  });
});

describe("when the copies of a context move", () => {
  test("its group moves after them", async () => {
    const { world, guests } = await three();
    using _ = world;
    world.holders = () => [2, 3];
    await until("it has moved", async () => (await membersAt(world, 2)) === "m1@1 m2@2 m3@3");
    expect(await send(world.at(1), "x", "m1")).toBe(3);
    for (const guest of guests) await guest.hears("message x");
    expect(guests.map(({ messages }) => messages)).toEqual([["x"], ["x"], ["x"]]);
    // It is the group that has moved, not its members.
    for (const { events } of guests) expect(events.join()).not.toContain("left");
  });

  test("a node that knows it last is told by the node that it asks", async () => {
    const { world } = await three();
    using _ = world;
    world.holders = (asking) => (asking === 3 ? [1, 2, 3] : [2, 3]);
    const refused = factsOf(send(world.at(3), "x"));
    expect(await refused).toMatchObject({ code: "UNAVAILABLE", reason: "NOT_HOME" });
    world.holders = () => [2, 3];
    await until("it knows", async () => (await membersAt(world, 3)) === "m1@1 m2@2 m3@3");
  });
});

describe("limits", () => {
  test("a member has so many streams at one node, and the oldest ends", async () => {
    using world = new GroupWorld(2);
    const streams: GroupGuest[] = [];
    for (let n = 0; n <= limits.groupStreamsPerMemberMax; n += 1) {
      streams.push(new GroupGuest(world.at(2), "m"));
      await until("it is in", () => streams.at(-1)?.events.length === 1);
    }
    expect(await streams[0]?.ended).toBe("GROUP_MEMBER_REPLACED");
    expect(await send(world.at(1), "x")).toBe(1);
    for (const stream of streams.slice(1)) await stream.hears("message x");
  });

  test("a group has so many members, wherever they are", async () => {
    using world = new GroupWorld(2);
    const half = limits.groupMembersMax / 2;
    const guests = [1, 2].flatMap((number) =>
      Array.from({ length: half }, (_, n) => new GroupGuest(world.at(number), `${number}-${n}`)),
    );
    await until("all are in", () => guests.every(({ events }) => events.length > 0));
    expect(await new GroupGuest(world.at(2), "one more").ended).toBe("GROUP_FULL");
    expect(await send(world.at(2), "x")).toBe(limits.groupMembersMax);
    await until("all hear it", () => guests.every(({ messages }) => messages.length === 1));
  });
});

test("stop() ends everybody, and nobody joins any more", async () => {
  const { world, guests } = await three();
  using _ = world;
  const groups = world.at(2);
  groups.stop(failure("STOPPED"));
  expect(await guests[1]?.ended).toBe("STOPPED");
  await guests[0]?.hears("left m2");
  expect(await new GroupGuest(groups, "m").ended).toBe("GROUP_SESSION_OVER");
});
