import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import type { Effect } from "../../src/swim/effect.ts";
import { nodeStates } from "../../src/swim/wire/messages.ts";
import {
  aliveOf,
  changes,
  deadOf,
  leftOf,
  ownIncarnation,
  pushPullOf,
  selfName,
  SoloNode,
  stateOf,
  suspectOf,
} from "./solo-node.ts";

const departed: Effect = { kind: "departed" };
const goodBye = leftOf(selfName, { incarnation: ownIncarnation });
const stopping = deadOf(selfName, { incarnation: ownIncarnation, from: "me~stopping" });

function told(effects: readonly Effect[]): readonly Effect[] {
  return effects.filter(({ kind }) => kind === "departed");
}

describe.each([
  ["leave", goodBye, "left", nodeStates.left],
  ["stop", stopping, "dead", nodeStates.dead],
] as const)("%s", (kind, message, state, wireState) => {
  test("is said to everybody until it has gone round, and then told", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(told(node.input({ kind }))).toEqual([]);
    const rounds = [0, 1, 2, 3].map(() => node.ring("gossip"));
    expect(rounds.map((effects) => node.packets(effects))).toEqual(
      rounds.map(() => [{ to: "b", messages: [message] }]),
    );
    expect(rounds.map(told)).toEqual([[], [], [], [departed]]);
    expect(node.pass(20_000)).toEqual([]);
  });

  test("is over after 25 rounds of gossip in any case, and is told once", () => {
    const node = new SoloNode({ members: ["b"], timing: { retransmitMult: 1000 } });
    node.input({ kind });
    expect(told(node.pass(4999))).toEqual([]);
    expect(told(node.pass(1))).toEqual([departed]);
    expect(told(node.pass(1_000_000))).toEqual([]);
  });

  test("is over at once if nobody is there", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", deadOf("b"));
    expect(node.input({ kind })).toEqual([departed]);
    expect([node.input({ kind: "leave" }), node.input({ kind: "stop" })]).toEqual([[], []]);
  });

  test("is not taken back: nothing is contradicted or announced any more", () => {
    const node = new SoloNode({ members: ["b"] });
    node.input({ kind });
    node.hears(
      "b",
      suspectOf(selfName, { incarnation: ownIncarnation + 1 }),
      deadOf(selfName, { incarnation: ownIncarnation + 2 }),
      aliveOf(selfName, { incarnation: ownIncarnation + 3 }),
      goodBye,
    );
    node.input({ kind: "meta", meta: Uint8Array.of(1) });
    // memberlist without an application makes ledger nodes speak its version of it.
    node.hears("x", aliveOf("c", { versions: Uint8Array.of(1, 5, 2, 0, 0, 0) }));
    expect([node.swim.incarnation, node.swim.counters.refutations]).toEqual([ownIncarnation, 0]);
    const said = node.sent(node.pass(20_000), "alive").filter((one) => one.node === selfName);
    expect([said, node.swim.queued]).toEqual([[], 0]);
  });

  test(`is ${state} to those who exchange states meanwhile`, () => {
    const node = new SoloNode({ members: ["b"] });
    node.input({ kind });
    expect(node.states(node.hearsOnStream("b", pushPullOf([stateOf("b", "alive")])))[0]).toMatchObject({
      name: selfName,
      state: wireState,
      incarnation: ownIncarnation,
    });
  });

  test(`is ${state} to others that hear it`, () => {
    const node = new SoloNode({ members: ["b"] });
    node.input({ kind });
    const [heard] = node.packets(node.ring("gossip"));
    const other = new SoloNode({ name: "b", members: [aliveOf(selfName, { incarnation: ownIncarnation })] });
    expect(changes(other.hears(selfName, ...(heard?.messages ?? [])))).toEqual([
      { left: "left me", dead: "died me" }[state],
    ]);
  });

  test("is said once, whatever is asked for then", () => {
    const node = new SoloNode({ members: ["b"] });
    node.input({ kind });
    expect([node.input({ kind: "leave" }), node.input({ kind: "stop" })]).toEqual([[], []]);
    expect(node.packets(node.ring("gossip"))).toEqual([{ to: "b", messages: [message] }]);
  });

  test("answers pings while it goes round", () => {
    const node = new SoloNode({ members: ["b"] });
    node.input({ kind });
    const ping = { kind: "ping", seqNo: 7, node: selfName, source: undefined } as const;
    expect(node.packets(node.hears("b", ping))).toMatchObject([{ messages: [{ kind: "ack" }, message] }]);
  });

  test("looks for nobody any more", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", deadOf("c"));
    node.input({ kind });
    expect(
      node.streams(node.input({ kind: "timer", timer: { kind: "reconnect", id: 0, token: 0 } })),
    ).toEqual([]);
  });

  test("of a node whose name is as long as can be is understood", () => {
    const name = "n".repeat(limits.memberNameBytesMax);
    const node = new SoloNode({ name, members: ["b"] });
    node.input({ kind });
    const other = new SoloNode({ name: "b", members: [aliveOf(name, { incarnation: ownIncarnation })] });
    const heard = node.packets(node.ring("gossip")).flatMap(({ messages }) => messages);
    expect(changes(other.hears("x", ...heard))).toEqual([`${{ left: "left", dead: "died" }[state]} ${name}`]);
  });
});

describe("a node that has departed", () => {
  test("by leaving is left to itself, by stopping it is not", () => {
    const states = (["leave", "stop"] as const).map((kind) => {
      const node = new SoloNode({ members: ["b"] });
      node.input({ kind });
      const before = node.view()["me"];
      node.pass(20_000);
      return [before, node.view()["me"]];
    });
    expect(states).toEqual([
      ["alive", "left"],
      ["alive", "alive"],
    ]);
  });

  test("is not departed by a timer before it was told to", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(node.input({ kind: "timer", timer: { kind: "departure", id: 0, token: 0 } })).toEqual([]);
  });
});
