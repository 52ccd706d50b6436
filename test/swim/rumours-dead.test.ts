import { describe, expect, test } from "bun:test";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  leftOf,
  notices,
  ownIncarnation,
  selfName,
  SoloNode,
  suspectOf,
} from "./solo-node.ts";

const incarnationMax = 0xffff_fff0;

describe("dead of a member", () => {
  test("is noted, passed on, and told at once to whom it is about", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    const effects = node.hears("x", deadOf("b", { incarnation: incarnation + 1 }));
    const said = deadOf("b", { incarnation: incarnation + 1 });
    expect(changes(effects)).toEqual(["died b"]);
    expect(node.packets(effects)).toEqual([{ to: "b", messages: [said] }]);
    expect([node.swim.queued, node.swim.counters.deaths]).toEqual([1, 1]);
    expect(node.member("b")).toMatchObject({ state: "dead", incarnation: incarnation + 1 });
    expect(node.sent(node.pass(199), "dead").toSorted((one, other) => (one.to < other.to ? -1 : 1))).toEqual([
      { to: "b", ...said },
      { to: "c", ...said },
    ]);
  });

  test("by its own word is that it left", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(changes(node.hears("x", leftOf("b")))).toEqual(["left b"]);
    expect([node.view()["b"], node.swim.counters.deaths]).toEqual(["left", 0]);
  });

  test("of a suspect ends the suspicion", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", suspectOf("b"));
    expect(changes(node.hears("x", deadOf("b")))).toEqual(["died b"]);
    expect(changes(node.pass(100_000))).toEqual([]);
  });

  test("of nobody that is known is dropped", () => {
    expect(new SoloNode().hears("x", deadOf("b"), leftOf("b"))).toEqual([]);
  });

  test("of an old incarnation is dropped", () => {
    const node = new SoloNode({ members: ["b"] });
    const old = { incarnation: incarnation - 1 };
    expect(node.hears("x", deadOf("b", old), leftOf("b", old))).toEqual([]);
    expect(node.view()["b"]).toBe("alive");
  });

  test("who is dead changes nothing the second time", () => {
    const node = new SoloNode({ members: ["b", "c"], timing: { retransmitMult: 1 } });
    node.hears("x", deadOf("b"));
    node.pass(5000);
    expect([node.hears("x", deadOf("b", { from: "y" })), node.swim.queued]).toEqual([[], 0]);
  });

  test.each([
    ["dead", deadOf("b")],
    ["left", leftOf("b")],
  ])("who is %s is learnt to have been so at a newer incarnation", (state, message) => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", message);
    node.take();
    expect(node.hears("x", { ...deadOf("b"), incarnation: incarnation + 3 })).toEqual([]);
    expect(node.member("b")).toMatchObject({ state, incarnation: incarnation + 3 });
    node.hears("x", deadOf("b", { incarnation: incarnation + 1 }));
    expect(node.member("b")?.incarnation).toBe(incarnation + 3);
  });

  test("who left is dead to nobody any more, and leaves no second time", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", leftOf("b"));
    const newer = { incarnation: incarnation + 1 };
    expect(node.hears("x", deadOf("b", newer), leftOf("b", newer))).toEqual([]);
    expect(node.view()["b"]).toBe("left");
  });

  test("who is dead may still be said to have left: it was made forget", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", deadOf("b"));
    const effects = node.hears("x", leftOf("b"));
    expect(changes(effects)).toEqual(["forgotten b"]);
    expect(node.packets(effects)).toEqual([]);
    expect(node.view()).toEqual({ me: "alive", c: "alive" });
    expect(node.swim.queued).toBe(1);
  });

  test("of an incarnation beyond any is counted and dropped", () => {
    const node = new SoloNode({ members: ["b"] });
    const beyond = { incarnation: incarnationMax };
    expect(node.hears("x", deadOf("b", beyond), leftOf("b", beyond))).toEqual([]);
    expect([node.view()["b"], node.swim.counters.invalidMessages]).toEqual(["alive", 2]);
    expect(changes(node.hears("x", deadOf("b", { incarnation: incarnationMax - 1 })))).toEqual(["died b"]);
  });
});

describe("at one incarnation", () => {
  const said = { alive: aliveOf("b"), suspect: suspectOf("b"), dead: deadOf("b"), left: leftOf("b") };
  const kinds = ["alive", "suspect", "dead", "left"] as const;
  const pairs = kinds.flatMap((first, weight) =>
    kinds.map((second, other) => [first, second, kinds[Math.max(weight, other)]] as const),
  );

  test.each(pairs)("%s then %s is %s", (first, second, state) => {
    const node = new SoloNode();
    node.hears("x", aliveOf("b"), said[first], said[second]);
    expect(node.swim.stateCodeOf(0)).toBe(1 + kinds.indexOf(state ?? "alive"));
  });
});

describe("dead of this node", () => {
  test.each([
    ["dead", deadOf(selfName, { incarnation: ownIncarnation + 2, from: "c" }), "c"],
    ["left", leftOf(selfName, { incarnation: ownIncarnation + 2 }), selfName],
  ] as const)("is contradicted beyond what it says: %s", (accusation, message, from) => {
    const node = new SoloNode({ members: ["b"] });
    expect(notices(node.hears("b", message))).toEqual([{ kind: "refuted", accusation, from }]);
    expect([node.swim.incarnation, node.swim.healthScore]).toEqual([ownIncarnation + 3, 1]);
    expect(node.sent(node.pass(199), "alive")).toMatchObject([
      { to: "b", node: selfName, incarnation: ownIncarnation + 3 },
    ]);
    expect(node.view()["me"]).toBe("alive");
  });

  test("of an old incarnation is dropped", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(node.hears("b", deadOf(selfName, { incarnation: ownIncarnation - 1 }))).toEqual([]);
  });

  test("takes the place of what it said before", () => {
    const node = new SoloNode({ members: ["b"] });
    for (let times = 0; times < 5; times++)
      node.hears("b", deadOf(selfName, { incarnation: ownIncarnation + times }));
    expect(node.swim.queued).toBe(1);
    expect(node.sent(node.pass(199), "alive").map((said) => said.incarnation)).toEqual([ownIncarnation + 5]);
  });
});
