import { describe, expect, test } from "bun:test";
import type { Effect } from "../../src/swim/effect.ts";
import type { Alive, Ack, IndirectPing, Ping } from "../../src/swim/wire/messages.ts";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  leftOf,
  names,
  notices,
  placeOf,
  selfName,
  SoloNode,
  type SoloOptions,
  suspectOf,
} from "./solo-node.ts";
import { seededRandom } from "./wire/codec.ts";

const own = { name: selfName, ...placeOf(selfName) };

function pingOf(seqNo: number, other: Partial<Ping> = {}): Ping {
  return { kind: "ping", seqNo, node: selfName, source: { name: "b", ...placeOf("b") }, ...other };
}

function ackOf(seqNo: number): Ack {
  return { kind: "ack", seqNo, payload: new Uint8Array() };
}

function askOf(seqNo: number, other: Partial<IndirectPing> = {}): IndirectPing {
  const source = { name: "b", ...placeOf("b") };
  return { kind: "indirect-ping", seqNo, node: "c", ...placeOf("c"), nack: true, source, ...other };
}

/** A member of memberlist whose protocol goes up to `max`. */
function speaking(name: string, max: number): Alive {
  return aliveOf(name, { versions: Uint8Array.of(1, max, 2, 0, 5, 5) });
}

/** Lets the next probe begin; returns what the node does, and the number of the probe. */
function tick(node: SoloNode): { readonly effects: readonly Effect[]; readonly seqNo: number } {
  const effects = node.input({ kind: "timer", timer: { kind: "probe", id: 0, token: 0 } });
  return { effects, seqNo: node.sent(effects, "ping")[0]?.seqNo ?? Number.NaN };
}

/** Returns a node in the middle of a probe that had no answer in time, with what it did then. */
function unanswered(members: NonNullable<SoloOptions["members"]>, options: SoloOptions = {}) {
  const node = new SoloNode({ members, ...options });
  const { effects, seqNo } = tick(node);
  const target = node.packets(effects)[0]?.to ?? "";
  return { node, seqNo, target, effects: node.pass(500) };
}

/** Ends the probe that is under way. */
function end(node: SoloNode): readonly Effect[] {
  return node.ring("probe-end");
}

/** Makes the node doubt itself. */
function doubting(node: SoloNode, score: number): SoloNode {
  node.input({ kind: "stalled", forMs: score * 1000 });
  return node;
}

describe("a ping", () => {
  test("is answered with its number, to where it says", () => {
    const node = new SoloNode();
    expect(node.packets(node.hears("x", pingOf(42)))).toEqual([{ to: "b", messages: [ackOf(42)] }]);
  });

  test.each([
    ["without a source", { source: undefined }],
    ["with a port of 0", { source: { name: "b", ...placeOf("b"), port: 0 } }],
  ])("%s is answered to where it came from", (_, other) => {
    const node = new SoloNode();
    expect(node.packets(node.hears("x", pingOf(42, other)))).toEqual([{ to: "x", messages: [ackOf(42)] }]);
  });

  test("for nobody in particular is answered", () => {
    const node = new SoloNode();
    expect(node.packets(node.hears("b", pingOf(42, { node: "" })))).toHaveLength(1);
  });

  test("for another node is not answered", () => {
    expect(new SoloNode().hears("b", pingOf(42, { node: "other" }))).toEqual([]);
  });

  test("in a compound is answered, and each other too", () => {
    const node = new SoloNode();
    expect(node.packets(node.hears("b", pingOf(1), pingOf(2), pingOf(3)))).toEqual(
      [1, 2, 3].map((seqNo) => ({ to: "b", messages: [ackOf(seqNo)] })),
    );
  });

  test("is answered together with what is being passed on, in one compound", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("b", aliveOf("c"));
    expect(node.packets(node.hears("b", pingOf(42)))).toEqual([
      { to: "b", messages: [ackOf(42), aliveOf("c")] },
    ]);
  });

  test("on a stream is answered on it, unless another node is meant", () => {
    const node = new SoloNode();
    expect(node.stream(node.hearsOnStream("b", pingOf(42)))).toEqual({
      stream: -1,
      to: undefined,
      message: ackOf(42),
    });
    expect(node.hearsOnStream("b", pingOf(42, { node: "" })).map(({ kind }) => kind)).toEqual([
      "write-stream",
      "close-stream",
    ]);
    expect(node.hearsOnStream("b", pingOf(42, { node: "other" }))).toEqual([
      { kind: "close-stream", stream: -3 },
    ]);
  });
});

describe("an indirect ping", () => {
  test("makes the node ping in its own name and number, and bring the answer under the asker's", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    const [ping] = node.sent(node.hears("x", askOf(42)), "ping");
    expect(ping).toEqual({ to: "c", kind: "ping", seqNo: expect.any(Number), node: "c", source: own });
    expect(ping?.seqNo).not.toBe(42);
    const answer = node.hears("c", ackOf(ping?.seqNo ?? 0));
    expect(node.packets(answer)).toEqual([{ to: "b", messages: [ackOf(42)] }]);
    expect(node.pass(10_000)).toEqual([]);
  });

  test("of members that are not known is carried out too", () => {
    const node = new SoloNode();
    const [ping] = node.sent(node.hears("x", askOf(42, { source: undefined })), "ping");
    expect(ping).toMatchObject({ to: "c", node: "c" });
    expect(node.packets(node.hears("c", ackOf(ping?.seqNo ?? 0)))).toEqual([
      { to: "x", messages: [ackOf(42)] },
    ]);
  });

  test("without an answer is answered with a nack once its time is over", () => {
    const node = new SoloNode();
    node.hears("x", askOf(42));
    expect(node.pass(499)).toEqual([]);
    expect(node.packets(node.pass(1))).toEqual([{ to: "b", messages: [{ kind: "nack", seqNo: 42 }] }]);
  });

  test("that wants no nack gets none", () => {
    const node = new SoloNode();
    node.hears("x", askOf(42, { nack: false }));
    expect(node.pass(1000)).toEqual([]);
  });

  test("is not answered twice", () => {
    const node = new SoloNode();
    const [ping] = node.sent(node.hears("x", askOf(42)), "ping");
    node.pass(500);
    expect(node.hears("c", ackOf(ping?.seqNo ?? 0))).toEqual([]);
    const [second] = node.sent(node.hears("x", askOf(43)), "ping");
    expect(node.hears("c", ackOf(second?.seqNo ?? 0))).toHaveLength(1);
    expect(node.hears("c", ackOf(second?.seqNo ?? 0))).toEqual([]);
  });

  test("of port 0 means the port of this node", () => {
    const node = new SoloNode({ endpoint: { ...placeOf(selfName), port: 7000 } });
    expect(node.sent(node.hears("x", askOf(1, { port: 0 })), "ping")).toMatchObject([{ to: "c:7000" }]);
  });

  test("is one of at most 4096 at a time", () => {
    const node = new SoloNode();
    for (let seqNo = 0; seqNo < 4096; seqNo++) node.hears("x", askOf(seqNo));
    expect(node.hears("x", askOf(4096))).toEqual([]);
    expect(node.sent(node.pass(500), "nack")).toHaveLength(4096);
    expect(node.sent(node.hears("x", askOf(4097)), "ping")).toHaveLength(1);
  });

  test("is answered though its asker was removed meanwhile", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("c", leftOf("b"));
    // The good-bye is old, and b left the ring.
    for (let minutes = 0; minutes < 2; minutes++) {
      node.nowMs += 24 * 3_600_000;
      end(node);
      tick(node);
      tick(node);
      end(node);
    }
    const [ping] = node.sent(node.hears("x", askOf(42)), "ping");
    node.input({ kind: "timer", timer: { kind: "push-pull", id: 0, token: 0 } });
    expect(node.member("b")).toBeUndefined();
    expect(node.sent(node.hears("c", ackOf(ping?.seqNo ?? 0)), "ack")).toMatchObject([
      { to: "b", seqNo: 42 },
    ]);
  });
});

describe("a probe", () => {
  test("begins within the first interval, then in each", () => {
    const starts = names(50).map((_, seed) => {
      const node = new SoloNode({ random: seededRandom(seed) });
      node.input({ kind: "start" });
      return node.waits("probe")[0] ?? Number.NaN;
    });
    expect(starts.every((wait) => wait >= 0 && wait < 1000)).toBe(true);
    expect(new Set(starts).size).toBeGreaterThan(40);
    const node = new SoloNode({ timing: { probeIntervalMs: 700 } });
    tick(node);
    expect(node.waits("probe")).toEqual([700]);
  });

  test("pings one member, by its name", () => {
    const node = new SoloNode({ members: ["b"] });
    const { effects, seqNo } = tick(node);
    expect(node.packets(effects)).toEqual([
      { to: "b", messages: [{ kind: "ping", seqNo, node: "b", source: own }] },
    ]);
    expect([node.waits("probe-timeout"), node.waits("probe-end")]).toEqual([[500], [1000]]);
  });

  test("that is answered keeps the member alive, and the next has the next number", () => {
    const node = new SoloNode({ members: ["b"] });
    const { seqNo } = tick(node);
    expect(node.hears("b", ackOf(seqNo))).toEqual([]);
    expect([node.ring("probe-timeout"), end(node)]).toEqual([[], []]);
    expect(node.swim.counters).toMatchObject({
      probesAnswered: 1,
      probesAnsweredIndirectly: 0,
      probesFailed: 0,
    });
    expect(tick(node).seqNo).toBe((seqNo + 1) % 2 ** 32);
    expect(node.view()).toEqual({ me: "alive", b: "alive" });
  });

  test("has a number that begins anywhere", () => {
    const firsts = names(20).map(
      (_, seed) => tick(new SoloNode({ members: ["b"], random: seededRandom(seed) })).seqNo,
    );
    expect(new Set(firsts).size).toBe(20);
    expect(Math.max(...firsts)).toBeGreaterThan(2 ** 31);
    expect(Math.min(...firsts)).toBeLessThan(2 ** 31);
  });

  test("has a number of 32 bits", () => {
    const last = 2 ** 32 - 2;
    const greatest = { below: (bound: number) => Math.min(bound - 1, last), fill: () => undefined };
    const node = new SoloNode({ members: ["b"], random: greatest });
    const numbers = names(3).map(() => {
      const { seqNo } = tick(node);
      node.hears("b", ackOf(seqNo));
      return seqNo;
    });
    expect(numbers).toEqual([2 ** 32 - 1, 0, 1]);
  });

  test("waits for the one before it", () => {
    const node = doubting(new SoloNode({ members: ["b", "c"] }), 1);
    const { seqNo } = tick(node);
    expect(node.sent(node.pass(1999), "ping")).toEqual([]);
    node.hears("b", ackOf(seqNo));
    expect(node.sent(node.pass(1), "ping")).toHaveLength(1);
  });

  test("goes to every member in turn, those that are suspect too, and not to the dead", () => {
    const node = new SoloNode({ members: ["b", "c", "d", "e"] });
    node.hears("x", suspectOf("b"), deadOf("c"), leftOf("d"));
    const probed = names(6).map(() => {
      const { effects, seqNo } = tick(node);
      node.hears("x", ackOf(seqNo));
      return node.sent(effects, "ping").map(({ to }) => to);
    });
    expect(probed.flat().length).toBe(6);
    expect(new Set(probed.flat())).toEqual(new Set(["b", "e"]));
    expect(probed.filter(([to]) => to === "b").length).toBe(3);
  });

  test("goes to nobody if nobody is there, but the next is tried", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", deadOf("b"));
    const { effects } = tick(node);
    expect(node.sent(effects, "ping")).toEqual([]);
    expect(node.waits("probe")).toEqual([1000]);
    expect(node.sent(tick(new SoloNode()).effects, "ping")).toEqual([]);
  });

  test("is not answered by other numbers, or by an ack that is late", () => {
    const node = new SoloNode({ members: ["b"] });
    const { seqNo } = tick(node);
    node.hears("b", ackOf(seqNo + 1), ackOf(seqNo - 1));
    node.pass(999);
    expect(node.swim.counters.probesAnswered).toBe(0);
    expect(changes(end(node))).toEqual(["suspected b"]);
    node.hears("b", ackOf(seqNo));
    expect(node.swim.counters).toMatchObject({
      probesAnswered: 0,
      probesAnsweredIndirectly: 0,
      probesFailed: 1,
    });
    expect(node.view()).toEqual({ me: "alive", b: "suspect" });
  });
});

describe("a probe without an answer in time", () => {
  test("asks others that are alive, and tries a stream", () => {
    const { node, seqNo, target, effects } = unanswered(["b", "c", "d", "e", "f", "g"]);
    const helpers = node.packets(effects);
    expect(helpers).toHaveLength(3);
    expect(new Set(helpers.map(({ to }) => to)).size).toBe(3);
    expect(helpers.map(({ to }) => to)).not.toContain(target);
    const ask = { kind: "indirect-ping", seqNo, node: target, ...placeOf(target), nack: true, source: own };
    expect(helpers.map(({ messages }) => messages)).toEqual(helpers.map(() => [ask as IndirectPing]));
    expect(node.stream(effects)).toEqual({
      stream: 1,
      to: target,
      message: { kind: "ping", seqNo, node: target, source: own },
    });
    expect(effects.find(({ kind }) => kind === "open-stream")).toMatchObject({ timeoutMs: 500 });
  });

  test("asks neither suspects nor the dead", () => {
    const node = new SoloNode({ members: ["b", "c", "d", "e", "f", "g"] });
    node.hears("x", suspectOf("c"), deadOf("d"), leftOf("e"), suspectOf("f"));
    const { seqNo } = tick(node);
    const asked = node.sent(node.ring("probe-timeout"), "indirect-ping");
    expect(asked.every((ask) => ["b", "g"].includes(ask.to) && ask.seqNo === seqNo)).toBe(true);
    expect(asked.length).toBeWithin(1, 3);
  });

  test("wants nacks only of those that know them", () => {
    const { node, effects } = unanswered([speaking("b", 3), speaking("c", 3), speaking("d", 3)]);
    expect(node.sent(effects, "indirect-ping").map(({ nack }) => nack)).toEqual([false, false]);
  });

  test("tries no stream with members of old versions", () => {
    const { node, effects } = unanswered([speaking("b", 2)]);
    expect(node.streams(effects)).toEqual([]);
    const { node: other, effects: newer } = unanswered([speaking("b", 3)]);
    expect(other.streams(newer)).toHaveLength(1);
  });

  test("asks nobody if the answer has come", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    const { seqNo } = tick(node);
    node.pass(499);
    node.hears("b", ackOf(seqNo));
    expect(node.sent(node.ring("probe-timeout"), "indirect-ping")).toEqual([]);
  });

  test("suspects the member as it was when the probe began", () => {
    const { node, target } = unanswered(["b", "c"]);
    const effects = node.pass(500);
    expect(changes(effects)).toEqual([`suspected ${target}`]);
    expect(node.sent(effects, "suspect")).toEqual([
      { to: target, ...suspectOf(target, { from: selfName, incarnation }) },
    ]);
    expect(effects).toContainEqual({ kind: "close-stream", stream: 1 });
    expect([node.swim.counters.probesFailed, node.swim.counters.suspicions]).toEqual([1, 1]);
  });

  test("does not suspect a member that has shown itself meanwhile under a new incarnation", () => {
    const { node, target } = unanswered(["b"]);
    node.hears(target, aliveOf(target, { incarnation: incarnation + 1 }));
    expect(changes(end(node))).toEqual([]);
    expect(node.view()).toEqual({ me: "alive", b: "alive" });
  });

  test("is answered by a helper's ack", () => {
    const { node, seqNo } = unanswered(["b", "c"]);
    expect(node.hears("c", ackOf(seqNo))).toEqual([{ kind: "close-stream", stream: 1 }]);
    expect(end(node)).toEqual([]);
    expect(node.swim.counters).toMatchObject({
      probesAnswered: 0,
      probesAnsweredIndirectly: 1,
      probesFailed: 0,
    });
  });

  test("is answered by an ack after nacks", () => {
    const { node, seqNo } = unanswered(["b", "c", "d"]);
    node.hears("c", { kind: "nack", seqNo });
    node.hears("d", ackOf(seqNo));
    expect([end(node), node.swim.healthScore]).toEqual([[], 0]);
  });
});

describe("a ping on a stream", () => {
  test("that is answered is an answer, with a word for the operator", () => {
    const { node, seqNo, target } = unanswered(["b"]);
    const effects = node.isAnswered(1, ackOf(seqNo));
    expect(notices(effects)).toEqual([{ kind: "udp-unanswered", name: target }]);
    expect([changes(end(node)), node.view()["b"]]).toEqual([[], "alive"]);
    expect(node.swim.counters).toMatchObject({ probesAnsweredIndirectly: 1, probesFailed: 0 });
  });

  test.each([
    ["another number", (seqNo: number) => ackOf(seqNo + 1)],
    ["another message", (seqNo: number) => pingOf(seqNo)],
    ["an error", () => ({ kind: "error", error: "no" }) as const],
  ])("that is answered with %s is no answer", (_, answer) => {
    const { node, seqNo } = unanswered(["b"]);
    expect(notices(node.isAnswered(1, answer(seqNo)))).toEqual([]);
    expect(changes(end(node))).toEqual(["suspected b"]);
  });

  test.each(["connection refused", undefined])("that ends with %p is no answer", (error) => {
    const { node } = unanswered(["b"]);
    expect(node.input({ kind: "stream-ended", stream: 1, error })).toEqual([]);
    const effects = end(node);
    expect(changes(effects)).toEqual(["suspected b"]);
    expect(effects.filter(({ kind }) => kind === "close-stream")).toEqual([]);
  });

  test("that is answered after its probe says nothing", () => {
    const { node, seqNo } = unanswered(["b"]);
    node.hears("b", ackOf(seqNo));
    expect(node.isAnswered(1, ackOf(seqNo))).toEqual([]);
    expect(node.swim.counters.probesAnsweredIndirectly).toBe(1);
  });

  test("has what is left of the probe, a millisecond at least", () => {
    const node = new SoloNode({ members: ["b"] });
    tick(node);
    node.nowMs += 3_600_000;
    expect(node.ring("probe-timeout")).toMatchObject([{ kind: "open-stream", timeoutMs: 1 }]);
  });
});

describe("the health score", () => {
  test("stretches the probe, but not the wait for the first answer", () => {
    const node = doubting(new SoloNode({ members: ["b"] }), 2);
    tick(node);
    expect([node.waits("probe-timeout"), node.waits("probe-end")]).toEqual([[500], [3000]]);
    const effects = node.pass(500);
    expect(effects.find(({ kind }) => kind === "open-stream")).toMatchObject({ timeoutMs: 2500 });
    expect(changes(node.pass(2499))).toEqual([]);
    expect(changes(node.pass(1))).toEqual(["suspected b"]);
  });

  test("falls with a probe that was answered", () => {
    const node = doubting(new SoloNode({ members: ["b"] }), 2);
    node.hears("b", ackOf(tick(node).seqNo));
    expect(node.swim.healthScore).toBe(1);
  });

  test("falls with a probe that a helper or a stream answered", () => {
    const { node, seqNo } = unanswered(["b"]);
    doubting(node, 3).isAnswered(1, ackOf(seqNo));
    expect(node.swim.healthScore).toBe(2);
  });

  test.each([
    ["of all helpers have come", 3, 0],
    ["of one is missing", 2, 1],
    ["of all are missing", 0, 3],
    ["of more than were asked came", 9, 0],
  ])("after a failed probe: nacks %s", (_, nacks, score) => {
    const { node, seqNo } = unanswered(["b", "c", "d", "e"]);
    for (let count = 0; count < nacks; count++) node.hears("x", { kind: "nack", seqNo });
    end(node);
    expect(node.swim.healthScore).toBe(score);
  });

  test("counts no nacks of other probes, or from before anybody was asked", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    const { seqNo } = tick(node);
    node.hears("x", { kind: "nack", seqNo });
    node.pass(500);
    node.hears("x", { kind: "nack", seqNo: seqNo + 1 });
    end(node);
    expect(node.swim.healthScore).toBe(1);
  });

  test.each([
    ["nobody was asked", ["b"]],
    ["nobody who was asked knows nacks", ["b", "c", "d", "e"].map((name) => speaking(name, 3))],
  ])("grows by one after a failed probe if %s", (_, members) => {
    const { node } = unanswered(members);
    end(node);
    expect(node.swim.healthScore).toBe(1);
  });

  test("counts only helpers that know nacks", () => {
    const members = [...["b", "c", "d"].map((name) => speaking(name, 4)), speaking("e", 3), speaking("f", 3)];
    const { node, effects } = unanswered(members, { timing: { indirectChecks: 9 } });
    const wanted = node.sent(effects, "indirect-ping").filter(({ nack }) => nack);
    end(node);
    expect(wanted.length).toBeWithin(2, 4);
    expect(node.swim.healthScore).toBe(wanted.length);
  });
});

describe("a probe of a suspect", () => {
  test("tells it in the same packet that it is suspected", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", suspectOf("b", { incarnation: 7 }));
    node.pass(3000);
    node.take();
    const { effects, seqNo } = tick(node);
    const [packet] = node.packets(effects);
    expect(packet?.to).toBe("b");
    expect(packet?.messages.slice(0, 2)).toEqual([
      { kind: "ping", seqNo, node: "b", source: own },
      suspectOf("b", { from: selfName, incarnation: 7 }),
    ]);
  });

  test("makes it answer and contradict", () => {
    const node = new SoloNode({ members: ["b"] });
    const suspicion = suspectOf(selfName, { incarnation: node.swim.incarnation, from: "b" });
    const effects = node.hears("b", pingOf(42), suspicion);
    expect(node.sent(effects, "ack")).toMatchObject([{ to: "b", seqNo: 42 }]);
    expect(node.sent(node.pass(199), "alive")).toMatchObject([{ to: "b", node: selfName }]);
  });
});
