import { describe, expect, test } from "bun:test";
import { areVersions, delegateWithin, fits, narrow, anyVersions } from "../../src/swim/versions.ts";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  ledgerVersions,
  leftOf,
  notices,
  ownIncarnation,
  placeOf,
  pushPullOf,
  selfName,
  SoloNode,
  stateOf,
} from "./solo-node.ts";

const versionsOf = (text: string) => Uint8Array.from(text.split(".").map(Number));
/** A memberlist without an application, and a Serf agent. */
const plain = versionsOf("1.5.2.0.0.0");
const serf = versionsOf("1.5.2.2.5.5");

describe("areVersions() of", () => {
  test.each([
    ["1.5.2.0.5.5", true],
    ["1.1.1.0.0.0", true],
    ["0.5.2.0.0.0", false],
    ["1.0.2.0.0.0", false],
    ["3.2.2.0.0.0", false],
    ["1.5.2.0.0", false],
    ["1.5.2.0.0.0.0", false],
  ])("%s is %p", (text, expected) => {
    expect(areVersions(versionsOf(text))).toBe(expected);
  });
});

describe("versions fit if what each speaks now lies within what all understand", () => {
  // The cases of memberlist's TestMemberlist_VerifyProtocol, each list with whether it fits; ledger nodes apart, who adapt.
  test.each<[string[], boolean]>([
    [["1.5.2.2.5.5", "1.5.2.2.5.5"], true],
    [["1.3.2.0.0.0", "2.4.3.0.0.0"], true],
    [["1.3.1.0.0.0", "2.4.3.0.0.0"], false],
    [["1.3.2.0.0.0", "2.4.4.0.0.0"], false],
    [["1.2.2.0.0.0", "3.4.3.0.0.0"], false],
    [["1.5.2.0.3.2", "1.5.2.2.4.3"], true],
    [["1.5.2.0.3.1", "1.5.2.2.4.3"], false],
    [["1.5.2.0.3.2", "1.5.2.2.4.4"], false],
    [["1.5.2.0.0.0", "1.5.2.2.5.5"], false],
    [["1.5.2.0.5.5", "1.5.2.0.0.0"], true],
    [["1.5.2.0.5.5", "1.5.2.2.5.4", "1.5.2.3.4.4"], true],
    [["1.5.2.0.5.5", "1.5.2.2.5.4", "1.5.2.5.5.5"], false],
  ])("%p: %p", (texts, expected) => {
    const all = texts.map(versionsOf);
    const range = all.reduce(narrow, anyVersions);
    expect(all.every((versions) => fits(range, versions))).toBe(expected);
  });

  test("and nobody speaks what lies within nothing, ledger nodes neither", () => {
    const nothing = { ...anyVersions, delegateMin: 2, delegateMax: 0 };
    expect([plain, serf, ledgerVersions].map((versions) => fits(nothing, versions))).toEqual([
      false,
      false,
      false,
    ]);
  });

  test.each([
    [0, 0, 0],
    [2, 5, 3],
    [4, 5, 4],
  ])("and ledger nodes move to between %d and %d from 3: %d", (delegateMin, delegateMax, expected) => {
    expect(delegateWithin({ ...anyVersions, delegateMin, delegateMax }, 3)).toBe(expected);
  });
});

describe("a member that speaks another version of the application", () => {
  test.each([
    ["plain memberlist", plain, 0],
    ["of a few versions", versionsOf("1.5.2.1.3.2"), 3],
  ])("makes this node speak it, and say so: %s", (_, versions, delegate) => {
    const node = new SoloNode({ members: ["c"] });
    node.hears("x", aliveOf("b", { versions }));
    expect(node.swim.incarnation).toBe(ownIncarnation + 1);
    expect(node.member(selfName)?.versions).toEqual(ledgerVersions.with(5, delegate));
    const said = node.sent(node.pass(199), "alive").filter((one) => one.node === selfName);
    expect(said[0]).toMatchObject({
      versions: ledgerVersions.with(5, delegate),
      incarnation: ownIncarnation + 1,
    });
  });

  test("and is not there any more makes nobody move", () => {
    const node = new SoloNode({ members: ["c"] });
    const gone = (["dead", "left", "suspect"] as const).map((state) =>
      stateOf("b", state, { versions: plain }),
    );
    const states = node.states(node.hearsOnStream("x", pushPullOf(gone)));
    expect(states.map(({ versions }) => versions)).toEqual([ledgerVersions, ledgerVersions]);
  });

  test("makes this node say so where it said something else before", () => {
    const node = new SoloNode();
    const said = () => node.states(node.hearsOnStream("x", pushPullOf([])))[0]?.versions;
    const before = said();
    node.hears("x", aliveOf("b", { versions: plain }));
    expect([before, said()]).toEqual([ledgerVersions, ledgerVersions.with(5, 0)]);
  });

  test("that this node speaks already changes nothing", () => {
    const node = new SoloNode();
    node.hears("x", aliveOf("b", { versions: serf }));
    expect([node.swim.incarnation, node.member(selfName)?.versions]).toEqual([
      ownIncarnation,
      ledgerVersions,
    ]);
  });

  test("is answered to as if all ledger nodes had moved already", () => {
    const node = new SoloNode({ members: ["c", aliveOf("d", { versions: versionsOf("1.5.2.0.3.0") })] });
    const states = node.states(
      node.hearsOnStream("b", pushPullOf([stateOf("b", "alive", { versions: plain })])),
    );
    expect(states.map(({ name, versions }) => `${name} ${[...versions].join(".")}`)).toEqual([
      "me 1.5.2.0.5.0",
      "c 1.5.2.0.5.0",
      "d 1.5.2.0.3.0",
      "b 1.5.2.0.0.0",
    ]);
  });
});

describe("a member whose versions do not fit those of others", () => {
  const reason = expect.stringMatching(
    /^member "b": versions 1\.5\.2\.[0-9.]+ do not fit: all members speak protocol 1 to 5 and delegate 2 to 0$/,
  );

  test("is no member, however it is heard of", () => {
    const node = new SoloNode({ members: [aliveOf("s", { versions: serf })] });
    expect(notices(node.hears("x", aliveOf("b", { versions: plain })))).toEqual([
      { kind: "versions-refused", reason },
    ]);
    expect(node.view()).toEqual({ me: "alive", s: "alive" });
    expect([node.swim.counters.versionsRefused, node.swim.queued]).toEqual([1, 0]);
  });

  test.each([
    ["dead", deadOf("b")],
    ["left", leftOf("b")],
  ])("does not come back: %s", (state, message) => {
    const node = new SoloNode({ members: ["b", aliveOf("s", { versions: serf })] });
    node.hears("x", message);
    const effects = node.hears("x", aliveOf("b", { versions: plain, incarnation: incarnation + 1 }));
    expect(notices(effects)).toEqual([{ kind: "versions-refused", reason }]);
    expect(node.view()["b"]).toBe(state);
  });

  test("is a member once those others are gone", () => {
    const node = new SoloNode({ members: [aliveOf("s", { versions: serf })] });
    node.hears("x", deadOf("s"));
    expect(changes(node.hears("x", aliveOf("b", { versions: plain })))).toEqual(["joined b"]);
  });

  test("takes part in no exchange of states: nothing of it is taken, and it is told what is known", () => {
    const node = new SoloNode({ members: [aliveOf("s", { versions: serf })] });
    const asked = [stateOf("b", "alive", { versions: plain }), stateOf("c", "alive"), stateOf("s", "left")];
    const effects = node.hearsOnStream("b", pushPullOf(asked, { join: true }));
    expect(notices(effects)).toMatchObject([{ kind: "versions-refused" }]);
    expect(node.states(effects).map(({ name }) => name)).toEqual(["me", "s"]);
    expect(node.view()).toEqual({ me: "alive", s: "alive" });
    expect(node.swim.counters.versionsRefused).toBe(1);
  });

  test("cannot be joined, and the one who tries says so", () => {
    const node = new SoloNode({ members: [aliveOf("s", { versions: serf })] });
    node.input({ kind: "join", to: placeOf("b"), request: 3 });
    const effects = node.isAnswered(
      1,
      pushPullOf([stateOf("b", "alive", { versions: plain }), stateOf("c", "alive")]),
    );
    expect(effects.at(-1)).toEqual({
      kind: "join-ended",
      request: 3,
      error: expect.stringMatching(/do not fit/),
      members: 0,
    });
    expect(notices(effects)).toMatchObject([{ kind: "versions-refused" }]);
    expect(node.view()).toEqual({ me: "alive", s: "alive" });
  });

  test("and is dead or suspect anyway keeps nobody from exchanging", () => {
    const node = new SoloNode({ members: [aliveOf("s", { versions: serf })] });
    const gone = (["dead", "left", "suspect"] as const).map((state) =>
      stateOf("b", state, { versions: plain }),
    );
    node.hearsOnStream("c", pushPullOf([stateOf("c", "alive"), ...gone]));
    expect(node.view()).toEqual({ me: "alive", s: "alive", c: "alive" });
  });

  test("and is this node itself, as others remember it, keeps nobody from exchanging", () => {
    const node = new SoloNode({ members: [aliveOf("s", { versions: serf })] });
    const old = stateOf(selfName, "alive", { versions: plain, incarnation: 1 });
    node.hearsOnStream("c", pushPullOf([stateOf("c", "alive"), old]));
    expect(node.view()).toEqual({ me: "alive", s: "alive", c: "alive" });
  });

  test("nor what it says it understands itself, is no member", () => {
    const node = new SoloNode({ members: ["c"] });
    const effects = node.hears("x", aliveOf("b", { versions: versionsOf("1.5.2.2.5.7") }));
    expect(notices(effects)).toMatchObject([{ kind: "versions-refused" }]);
    expect(node.view()).toEqual({ me: "alive", c: "alive" });
  });

  test("because of the protocol is refused too", () => {
    const node = new SoloNode();
    expect(notices(node.hears("x", aliveOf("b", { versions: versionsOf("3.5.3.2.5.5") })))).toMatchObject([
      { kind: "versions-refused" },
    ]);
  });
});
