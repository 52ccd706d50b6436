import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import type { Effect } from "../../src/swim/effect.ts";
import { keyringOf } from "../../src/swim/wire/keyring.ts";
import type { Ping } from "../../src/swim/wire/messages.ts";
import { messageTypes } from "../../src/swim/wire/message-types.ts";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  leftOf,
  names,
  placeOf,
  selfName,
  SoloNode,
  suspectOf,
} from "./solo-node.ts";
import { seededRandom } from "./wire/codec.ts";

const ping: Ping = { kind: "ping", seqNo: 1, node: selfName, source: { name: "b", ...placeOf("b") } };

function sizes(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => (effect.kind === "send" ? [effect.bytes.length] : []));
}

/** First bytes of the packets to a node. */
function types(effects: readonly Effect[], to: string): (number | undefined)[] {
  return effects.flatMap((effect) =>
    effect.kind === "send" && Bun.deepEquals(effect.to, placeOf(to)) ? [effect.bytes[0]] : [],
  );
}

describe("a round of gossip", () => {
  test("begins within an interval when there is something to say, and not before", () => {
    const starts = names(50).map((_, seed) => {
      const node = new SoloNode({ members: ["b"], random: seededRandom(seed) });
      node.input({ kind: "start" });
      expect(node.waits("gossip")).toEqual([]);
      node.hears("x", aliveOf("c"), aliveOf("d"));
      expect(node.waits("gossip")).toHaveLength(1);
      return node.waits("gossip")[0] ?? Number.NaN;
    });
    expect(starts.every((wait) => wait >= 0 && wait < 200)).toBe(true);
    expect(new Set(starts).size).toBeGreaterThan(30);
  });

  test("goes to as many different members as the timing says, at random", () => {
    const node = new SoloNode({ members: names(20), timing: { retransmitMult: 100 } });
    node.hears("x", aliveOf("b"));
    const rounds = names(5).map(() => node.packets(node.ring("gossip")).map(({ to }) => to));
    expect(rounds.map((to) => new Set(to).size)).toEqual([3, 3, 3, 3, 3]);
    expect(new Set(rounds.flat()).size).toBeGreaterThan(6);
    expect(node.waits("gossip")).toEqual([200]);
  });

  test("is one of as many as it takes to send each message often enough", () => {
    // 4 · ceil(log10(4)) = 4 times, to two members a round.
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", suspectOf("b"));
    node.hears("x", suspectOf("b", { from: "y" }));
    const effects = node.pass(3000);
    expect(node.sent(effects, "suspect")).toHaveLength(4);
    expect([node.swim.queued, node.waits("gossip")]).toEqual([0, []]);
    node.hears("x", aliveOf("c", { incarnation: incarnation + 1 }));
    expect(node.waits("gossip")).toHaveLength(1);
  });

  test("sends more often in a larger cluster", () => {
    const node = new SoloNode({ members: names(99) });
    node.hears("x", aliveOf("n0", { incarnation: incarnation + 1 }));
    expect(node.sent(node.pass(10_000), "alive")).toHaveLength(12);
    node.hears("x", aliveOf("b"));
    expect(node.sent(node.pass(10_000), "alive")).toHaveLength(12);
  });

  test("goes to suspects, to the dead for a while, and never to those that left", () => {
    const node = new SoloNode({ members: ["b", "c", "d"], timing: { retransmitMult: 1000, gossipNodes: 9 } });
    node.hears("x", suspectOf("b"), deadOf("c"), leftOf("d"));
    const listeners = () => new Set(node.packets(node.ring("gossip")).map(({ to }) => to));
    expect(listeners()).toEqual(new Set(["b", "c"]));
    node.nowMs += 30_000;
    expect(listeners()).toEqual(new Set(["b", "c"]));
    node.nowMs += 1;
    expect(listeners()).toEqual(new Set(["b"]));
  });

  test("waits for a member if nobody is there to listen", () => {
    const node = new SoloNode();
    node.input({ kind: "broadcast", bytes: Uint8Array.of(1) });
    expect(node.packets(node.pass(10_000))).toEqual([]);
    expect([node.swim.queued, node.waits("gossip")]).toEqual([1, []]);
    node.hears("x", aliveOf("b"));
    expect(node.sent(node.pass(199), "user")).toEqual([{ to: "b", kind: "user", bytes: Uint8Array.of(1) }]);
  });

  test("is not begun by the timer of an earlier one", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", aliveOf("c"));
    expect(node.input({ kind: "timer", timer: { kind: "gossip", id: 0, token: 999 } })).toEqual([]);
    expect(node.packets(node.ring("gossip")).length).toBeGreaterThan(0);
  });

  test("sends what fits into a packet, the newest and least sent first", () => {
    const node = new SoloNode({ members: ["b"], timing: { retransmitMult: 9 } });
    for (let index = 0; index < 40; index++)
      node.input({ kind: "broadcast", bytes: new Uint8Array(100).fill(index) });
    const rounds = names(4).map(() => node.ring("gossip"));
    // 13 of 103 bytes and two more fit into 1400, with 5 kept for a checksum.
    expect(rounds.map(sizes)).toEqual([[1346], [1346], [1346], [1346]]);
    const seen = rounds.map((effects) => node.sent(effects, "user").map(({ bytes }) => bytes[0] ?? -1));
    expect(seen[0]).toEqual(Array.from({ length: 13 }, (_, index) => 39 - index));
    expect(new Set(seen.flat()).size).toBe(40);
  });

  test.each([
    ["plain", {}],
    ["labelled", { label: "x".repeat(255) }],
    ["sealed", { label: "prod", keyring: keyringOf([new Uint8Array(32)]) }],
  ])("keeps packets within their size: %s", (_, options) => {
    const node = new SoloNode({ members: ["b"], ...options });
    for (let index = 0; index < 400; index++)
      node.input({ kind: "broadcast", bytes: new Uint8Array(index % 90) });
    const lengths = names(10).flatMap(() => sizes(node.ring("gossip")));
    expect(Math.max(...lengths)).toBeWithin(limits.gossipPacketBytes - 100, limits.gossipPacketBytes + 1);
  });

  test("sends at most as many messages as a compound has", () => {
    const node = new SoloNode({ members: ["b"] });
    for (let index = 0; index < 300; index++) node.input({ kind: "broadcast", bytes: new Uint8Array() });
    expect(node.sent(node.ring("gossip"), "user")).toHaveLength(255);
    expect(node.packets(node.hears("b", ping)).map(({ messages }) => messages.length)).toEqual([255]);
  });

  test("keeps a queue within its bound", () => {
    const node = new SoloNode();
    for (let index = 0; index < limits.gossipQueueMax + 10; index++)
      node.input({ kind: "broadcast", bytes: new Uint8Array() });
    expect(node.swim.queued).toBe(limits.gossipQueueMax);
  });
});

describe("a packet to a member", () => {
  test.each([
    ["a checksum if it reads them", 5, messageTypes.crc],
    ["none if its protocol is too old", 4, messageTypes.alive],
  ])("has %s", (_, protocol, type) => {
    const node = new SoloNode({
      members: [aliveOf("b", { versions: Uint8Array.of(1, protocol, 2, 0, 5, 5) })],
    });
    node.hears("x", aliveOf("b", { versions: Uint8Array.of(1, protocol, 2, 0, 5, 5), incarnation: 9 }));
    expect(types(node.ring("gossip"), "b")).toEqual([type]);
  });

  test("that is not known has no checksum", () => {
    const node = new SoloNode({ members: ["c"] });
    expect(types(node.hears("b", ping), "b")).toEqual([messageTypes.ack]);
    expect(types(new SoloNode({ members: ["b"] }).hears("b", ping), "b")).toEqual([messageTypes.crc]);
  });

  test("takes messages along, and that counts", () => {
    const node = new SoloNode({ members: ["b"] });
    node.input({ kind: "broadcast", bytes: Uint8Array.of(7) });
    // 4 · ceil(log10(3)) times.
    const packets = names(5).flatMap(() => node.packets(node.hears("b", ping)));
    expect(packets.map(({ messages }) => messages.map(({ kind }) => kind))).toEqual([
      ["ack", "user"],
      ["ack", "user"],
      ["ack", "user"],
      ["ack", "user"],
      ["ack"],
    ]);
  });

  test("takes along no more than fits beside its own message", () => {
    const node = new SoloNode({ members: ["b"] });
    // With the overheads of a compound, 9 of these leave 4 bytes of a packet: too few for an ack.
    for (let index = 0; index < 9; index++) node.input({ kind: "broadcast", bytes: new Uint8Array(150) });
    const effects = node.hears("b", ping);
    expect(sizes(effects)[0]).toBeLessThanOrEqual(limits.gossipPacketBytes);
    expect(node.packets(effects)[0]?.messages.map(({ kind }) => kind)).toEqual([
      "ack",
      ...Array.from({ length: 8 }, () => "user" as const),
    ]);
  });

  test("that may be dead takes nothing along", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.input({ kind: "broadcast", bytes: Uint8Array.of(7) });
    const effects = node.hears("x", suspectOf("b"));
    expect(changes(effects)).toEqual(["suspected b"]);
    expect(node.packets(effects)).toEqual([{ to: "b", messages: [suspectOf("b")] }]);
  });
});
