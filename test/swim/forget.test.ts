import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import {
  aliveOf,
  changes,
  deadOf,
  failure,
  incarnation,
  ledgerVersions,
  leftOf,
  placeOf,
  pushPullOf,
  selfName,
  SoloNode,
  stateOf,
  suspectOf,
} from "./solo-node.ts";

function forget(node: SoloNode, name: string) {
  return node.input({ kind: "forget", name });
}

describe("forget", () => {
  test("makes a dead member one that left, here and everywhere", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", deadOf("b"));
    const effects = forget(node, "b");
    expect(changes(effects)).toEqual(["forgotten b"]);
    expect(effects).toMatchObject([{ member: { name: "b", state: "left", incarnation } }]);
    expect(node.view()).toEqual({ me: "alive", c: "alive" });
    expect(node.sent(node.pass(199), "dead")).toEqual([{ to: "c", ...leftOf("b") }]);
    expect(node.swim.counters.deaths).toBe(1);
  });

  test("is taken note of by others, who may not know that it died", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(changes(node.hears("x", leftOf("b")))).toEqual(["left b"]);
    expect(node.view()["b"]).toBe("left");
  });

  test("makes one that left no member that is listed any more, and says nothing", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", leftOf("b"));
    node.pass(60_000);
    expect(changes(forget(node, "b"))).toEqual(["forgotten b"]);
    expect([node.view(), node.swim.queued]).toEqual([{ me: "alive", c: "alive" }, 0]);
  });

  test.each(["alive", "suspect", selfName])("refuses a member that is not dead: %s", (kind) => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", suspectOf("c"));
    const name = { alive: "b", suspect: "c" }[kind] ?? kind;
    expect(() => forget(node, name)).toThrow(failure("MEMBER_NOT_DEAD"));
    expect(node.view()).toEqual({ me: "alive", b: "alive", c: "suspect" });
  });

  test("refuses names that nobody has, or that were forgotten already", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", deadOf("b"));
    forget(node, "b");
    expect(() => forget(node, "nobody")).toThrow(failure("MEMBER_NOT_FOUND"));
    expect(() => forget(node, "b")).toThrow(failure("MEMBER_NOT_FOUND"));
  });

  test("is over when the member comes back, which it may from anywhere", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", deadOf("b"));
    forget(node, "b");
    const elsewhere = aliveOf("b", { ...placeOf("x"), incarnation: incarnation + 1 });
    expect(changes(node.hears("x", elsewhere))).toEqual(["joined b"]);
    expect(node.view()["b"]).toBe("alive");
  });

  test("says nothing about a member that has its place in memory later", () => {
    const places = [limits.membersMax, 3].map((many) => {
      const node = new SoloNode();
      node.hears("x", aliveOf("b"), deadOf("b"));
      forget(node, "b");
      node.input({ kind: "timer", timer: { kind: "probe", id: 0, token: 0 } });
      node.pass(60_000);
      node.nowMs += 25 * 3_600_000;
      for (let index = 0; index < many - 2; index++) node.hears("x", aliveOf(`n${index.toString(36)}`));
      // Either because there is no room for more, or because it left long ago.
      const isFull = many === limits.membersMax;
      expect(node.swim.members()).toHaveLength(many - 1);
      node.input({ kind: "timer", timer: { kind: isFull ? "probe" : "push-pull", id: 0, token: 0 } });
      node.input({ kind: "remember", name: "c", endpoint: placeOf("c"), meta: new Uint8Array() });
      return node.member("c")?.state;
    });
    expect(places).toEqual(["dead", "dead"]);
  });

  test("outlives another's exchange of states in which the member is dead", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", deadOf("b"));
    forget(node, "b");
    node.hearsOnStream("x", pushPullOf([stateOf("b", "dead"), stateOf("b", "suspect")]));
    expect(node.view()).toEqual({ me: "alive" });
  });
});

describe("remember", () => {
  const gone = { name: "b", endpoint: placeOf("b"), meta: Uint8Array.of(0xff) };
  const remember = (node: SoloNode, other: Partial<typeof gone> = {}) =>
    node.input({ kind: "remember", ...gone, ...other });

  test("makes a dead member of which nothing is said", () => {
    const node = new SoloNode();
    expect(remember(node)).toEqual([]);
    expect(node.member("b")).toEqual({
      ...gone,
      ...{ state: "dead", incarnation: 0, versions: ledgerVersions, isSelf: false },
    });
    expect(node.swim.queued).toBe(0);
  });

  test("is looked for, and comes back with whatever incarnation it has", () => {
    const node = new SoloNode();
    remember(node);
    const effects = node.input({ kind: "timer", timer: { kind: "reconnect", id: 0, token: 0 } });
    expect(node.streams(effects)).toMatchObject([{ to: "b" }]);
    expect(changes(node.hears("b", aliveOf("b", { incarnation: 1 })))).toEqual(["joined b"]);
  });

  test("can be forgotten", () => {
    const node = new SoloNode({ members: ["c"] });
    remember(node);
    forget(node, "b");
    expect(node.sent(node.pass(199), "dead")).toEqual([{ to: "c", ...leftOf("b", { incarnation: 0 }) }]);
  });

  test("changes nothing about members that are known, or this node", () => {
    const node = new SoloNode({ members: ["b"] });
    remember(node, { endpoint: placeOf("x") });
    remember(node, { name: selfName, endpoint: placeOf("x") });
    expect([node.view(), node.member("b")?.endpoint]).toEqual([{ me: "alive", b: "alive" }, placeOf("b")]);
  });

  test("is not carried out beyond as many members as can be", () => {
    const node = new SoloNode();
    for (let index = 0; index < limits.membersMax + 5; index++) remember(node, { name: `n${index}` });
    expect(node.swim.members()).toHaveLength(limits.membersMax);
  });
});
