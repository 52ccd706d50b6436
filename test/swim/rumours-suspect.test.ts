import { describe, expect, test } from "bun:test";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  leftOf,
  names,
  notices,
  ownIncarnation,
  selfName,
  SoloNode,
  suspectOf,
} from "./solo-node.ts";

const incarnationMax = 0xffff_fff0;
/** 4 for the lan, in a cluster of up to 10. */
const minMs = 4000;
const maxMs = 6 * minMs;

/** Returns a node, with so many others that it expects all confirmations, that suspects b. */
function suspicious(other: Parameters<typeof suspectOf>[1] = {}): SoloNode {
  const node = new SoloNode({ members: ["b", "c", "d", "e"] });
  node.hears("x", suspectOf("b", other));
  node.take();
  return node;
}

describe("suspect of a member", () => {
  test("is noted, passed on, and told at once to whom it is about", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    const effects = node.hears("x", suspectOf("b", { from: "c" }));
    expect(changes(effects)).toEqual(["suspected b"]);
    expect(node.packets(effects)).toEqual([{ to: "b", messages: [suspectOf("b", { from: "c" })] }]);
    expect(node.swim.queued).toBe(1);
    expect(node.member("b")).toMatchObject({ state: "suspect", incarnation });
    const rounds = node.sent(node.pass(199), "suspect");
    expect(rounds.map(({ to, from }) => `${to} of ${from}`).toSorted()).toEqual(["b of c", "c of c"]);
    expect(node.swim.counters.suspicions).toBe(1);
  });

  test("makes it dead when its time is over, and that takes the place of the suspicion", () => {
    const node = suspicious();
    expect(changes(node.pass(maxMs - 1))).toEqual([]);
    node.hears("x", suspectOf("c"));
    const effects = node.pass(1);
    expect(changes(effects)).toEqual(["died b"]);
    expect(node.sent(effects, "dead")).toEqual([{ to: "b", ...deadOf("b", { from: selfName }) }]);
    expect(node.view()["b"]).toBe("dead");
    expect(node.swim.counters).toMatchObject({ suspicions: 2, deaths: 1 });
    const next = node.pass(199);
    expect(node.sent(next, "suspect").filter((message) => message.node === "b")).toEqual([]);
    expect(node.sent(next, "dead").length).toBeGreaterThan(0);
  });

  test("of nobody that is known is dropped", () => {
    expect(new SoloNode().hears("x", suspectOf("b"))).toEqual([]);
  });

  test("of an old incarnation is dropped", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(node.hears("x", suspectOf("b", { incarnation: incarnation - 1 }))).toEqual([]);
    expect(node.view()["b"]).toBe("alive");
  });

  test("of a newer incarnation is taken, and then an alive of it does not clear it", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears(
      "x",
      suspectOf("b", { incarnation: incarnation + 3 }),
      aliveOf("b", { incarnation: incarnation + 3 }),
    );
    expect(node.member("b")).toMatchObject({ state: "suspect", incarnation: incarnation + 3 });
  });

  test.each([
    ["dead", deadOf("b")],
    ["left", leftOf("b")],
  ])("that is %s stays so, and comes back only beyond that incarnation", (state, message) => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", message);
    expect(node.hears("x", suspectOf("b", { incarnation: incarnation + 3 }))).toEqual([]);
    expect(node.member("b")).toMatchObject({ state, incarnation: incarnation + 3 });
    expect(node.hears("x", aliveOf("b", { incarnation: incarnation + 3 }))).toEqual([]);
    expect(changes(node.hears("x", aliveOf("b", { incarnation: incarnation + 4 })))).toEqual(["joined b"]);
  });

  test.each([incarnationMax, 0xffff_ffff])(
    "of incarnation %d, beyond any, is counted and dropped",
    (beyond) => {
      const node = new SoloNode({ members: ["b"] });
      expect(node.hears("x", suspectOf("b", { incarnation: beyond }))).toEqual([]);
      expect([node.view()["b"], node.swim.counters.invalidMessages]).toEqual(["alive", 1]);
      expect(changes(node.hears("x", suspectOf("b", { incarnation: incarnationMax - 1 })))).toEqual([
        "suspected b",
      ]);
    },
  );
});

describe("suspect of a suspect", () => {
  test("by the same accuser changes nothing, and is not passed on", () => {
    const node = new SoloNode({ members: ["b", "c", "d"], timing: { retransmitMult: 1 } });
    node.hears("x", suspectOf("b"));
    node.pass(10_000);
    expect(node.swim.queued).toBe(0);
    expect(node.hears("x", suspectOf("b"))).toEqual([]);
    expect(node.swim.queued).toBe(0);
    expect(changes(node.pass(maxMs - 10_000))).toEqual(["died b"]);
  });

  test("by another accuser is passed on in its place, and shortens the wait", () => {
    const node = suspicious();
    node.nowMs += 1000;
    const effects = node.hears("x", suspectOf("b", { from: "y" }));
    // 24 - 20 · ln 2 / ln 3 = 11.381 s since the beginning.
    expect(effects).toMatchObject([{ kind: "set-timer", afterMs: 10_381 }]);
    expect(node.swim.queued).toBe(1);
    expect(changes(node.pass(10_380))).toEqual([]);
    expect(new Set(node.sent(node.take(), "suspect").map(({ from }) => from))).toEqual(new Set(["y"]));
    expect(changes(node.pass(1))).toEqual(["died b"]);
  });

  test("of an old incarnation confirms nothing", () => {
    const node = suspicious({ incarnation: incarnation + 1 });
    expect(node.hears("x", suspectOf("b", { from: "y" }))).toEqual([]);
  });

  test("by as many as are wanted makes it dead at once if it is late enough", () => {
    const node = suspicious();
    node.pass(5000);
    node.hears("x", suspectOf("b", { from: "y1" }));
    const effects = node.hears("x", suspectOf("b", { from: "y2" }));
    expect(effects).toMatchObject([{ kind: "set-timer", afterMs: 0 }]);
    expect(node.hears("x", suspectOf("b", { from: "y3" }))).toEqual([]);
    expect(changes(node.pass(0))).toEqual(["died b"]);
    expect(changes(node.pass(100_000)).filter((change) => change.endsWith("b"))).toEqual([]);
  });
});

/** memberlist's TestMemberList_ProbeNode_Suspect_Dogpile, which rounds 603 up. */
describe("a suspicion in a cluster of", () => {
  test.each([
    [2, 0, 500],
    [3, 0, 500],
    [4, 0, 500],
    [5, 0, 1000],
    [6, 0, 1000],
    [6, 1, 750],
    [6, 2, 603],
    [6, 3, 500],
    [6, 4, 500],
  ])("%d lasts, with %d confirmations, %d ms", (size, confirmations, waitMs) => {
    const members = names(size - 1);
    const timing = { probeIntervalMs: 100, suspicionMult: 5, suspicionMaxTimeoutMult: 2 };
    const node = new SoloNode({ members, timing });
    node.hears("x", suspectOf("n0"));
    for (let count = 0; count < confirmations; count++)
      node.hears("x", suspectOf("n0", { from: `witness ${count}` }));
    expect(changes(node.pass(waitMs - 1))).toEqual([]);
    expect(changes(node.pass(1))).toEqual(["died n0"]);
  });
});

test("a suspicion lasts longer in a larger cluster", () => {
  const node = new SoloNode({ members: names(99) });
  node.hears("x", suspectOf("n0"));
  expect(node.waits("suspicion")).toEqual([2 * maxMs]);
});

describe("a suspicion's timer", () => {
  test("that rings too early is set again for what is left", () => {
    const node = suspicious();
    node.nowMs += 1000;
    expect(node.ring("suspicion")).toMatchObject([{ kind: "set-timer", afterMs: maxMs - 1000 }]);
    expect(changes(node.pass(maxMs - 1000))).toEqual(["died b"]);
  });

  test("of an earlier suspicion does nothing", () => {
    const node = suspicious();
    node.hears("x", aliveOf("b", { incarnation: incarnation + 1 }));
    node.nowMs += 10_000;
    node.hears("x", suspectOf("b", { incarnation: incarnation + 1 }));
    expect(changes(node.pass(maxMs - 1))).toEqual([]);
    expect(node.waits("suspicion")).toEqual([1]);
    expect(changes(node.pass(1))).toEqual(["died b"]);
  });

  test("of a member that was heard to be dead, or to have left, does nothing", () => {
    const node = suspicious();
    node.hears("x", suspectOf("c"), deadOf("b"), leftOf("c"));
    expect(node.hears("x", suspectOf("b", { from: "y" }), suspectOf("c", { from: "y" }))).toEqual([]);
    expect(changes(node.pass(100_000))).toEqual([]);
  });

  test("rings after a jump of the clock, for all whose time was over", () => {
    const node = suspicious();
    node.hears("x", suspectOf("c"));
    node.nowMs += 24 * 3_600_000;
    expect(changes(node.pass(0))).toEqual(["died b", "died c"]);
  });
});

describe("suspect of this node", () => {
  test("is contradicted beyond what it says", () => {
    const node = new SoloNode({ members: ["b"] });
    const effects = node.hears("b", suspectOf(selfName, { incarnation: ownIncarnation + 2, from: "c" }));
    expect(notices(effects)).toEqual([{ kind: "refuted", accusation: "suspect", from: "c" }]);
    expect([node.swim.incarnation, node.swim.healthScore]).toEqual([ownIncarnation + 3, 1]);
    expect(node.sent(node.pass(199), "alive")).toMatchObject([
      { to: "b", node: selfName, incarnation: ownIncarnation + 3 },
    ]);
    expect([node.view()["me"], node.swim.counters.refutations]).toEqual(["alive", 1]);
  });

  test("of this incarnation is contradicted; of an old one its author alone is told, if it is there", () => {
    const node = new SoloNode({ members: ["b", "c", "d"] });
    const accused = (from: string) => suspectOf(selfName, { incarnation: ownIncarnation, from });
    node.hears("b", accused("c"));
    node.hears("x", deadOf("d"));
    const incarnation = ownIncarnation + 1;
    expect(node.sent(node.hears("b", accused("c")), "alive")).toMatchObject([
      { to: "c", node: selfName, incarnation },
    ]);
    expect(node.hears("b", accused("c"), accused("c"))).toEqual([]);
    node.nowMs += 200;
    expect(node.sent(node.hears("x", accused("c")), "alive")).toMatchObject([{ to: "c", incarnation }]);
    for (const from of ["d", "nobody", selfName]) expect(node.hears("b", accused(from))).toEqual([]);
    expect([node.swim.incarnation, node.swim.counters.refutations]).toEqual([incarnation, 1]);
  });

  test("of an incarnation beyond any is counted and dropped: it could not be contradicted", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(node.hears("b", suspectOf(selfName, { incarnation: incarnationMax }))).toEqual([]);
    expect([node.swim.incarnation, node.swim.counters.invalidMessages]).toEqual([ownIncarnation, 1]);
    node.hears("b", suspectOf(selfName, { incarnation: incarnationMax - 1 }));
    expect(node.swim.incarnation).toBe(incarnationMax);
  });
});
