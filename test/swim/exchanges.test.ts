import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import type { Effect } from "../../src/swim/effect.ts";
import type { NodeState, StreamMessage } from "../../src/swim/wire/messages.ts";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  ledgerVersions,
  leftOf,
  names,
  notices,
  ownIncarnation,
  ownMeta,
  placeOf,
  pushPullOf,
  selfName,
  SoloNode,
  type SoloOptions,
  stateOf,
  suspectOf,
} from "./solo-node.ts";
import { seededRandom } from "./wire/codec.ts";

const self = (state: "alive" | "suspect" | "dead" | "left", by = ownIncarnation): NodeState =>
  stateOf(selfName, state, { incarnation: by, meta: ownMeta });

function join(node: SoloNode, to: string, request = 1): readonly Effect[] {
  return node.input({ kind: "join", to: placeOf(to), request });
}

function ended(effects: readonly Effect[]): readonly Effect[] {
  return effects.filter(({ kind }) => kind === "join-ended");
}

function timer(node: SoloNode, kind: "push-pull" | "reconnect"): readonly Effect[] {
  return node.input({ kind: "timer", timer: { kind, id: 0, token: 0 } });
}

/** Lets probes go round until everybody who is gone for long is found to be. */
function walkRing(node: SoloNode): void {
  // A probe that is under way keeps the ring where it is.
  for (let times = 0; times < 4; times++) {
    for (const _ of names(9)) node.input({ kind: "timer", timer: { kind: "probe", id: 0, token: 0 } });
    node.ring("probe-end");
  }
}

/** Who the node opens streams to, in many goes. */
function places(node: SoloNode, kind: "push-pull" | "reconnect", goes = 60): Set<string | undefined> {
  return new Set(names(goes).flatMap(() => node.streams(timer(node, kind)).map(({ to }) => to)));
}

describe("a join", () => {
  test("sends everything that is known, and takes what comes back", () => {
    const node = new SoloNode({ members: ["b", "c", "d"] });
    node.hears("x", deadOf("c"), leftOf("d"));
    const asked = node.stream(join(node, "e"));
    expect(asked).toEqual({
      stream: 1,
      to: "e",
      message: pushPullOf(
        [self("alive"), stateOf("b", "alive"), stateOf("c", "dead"), stateOf("d", "left")],
        {
          join: true,
        },
      ),
    });
    const effects = node.isAnswered(
      1,
      pushPullOf([stateOf("e", "alive"), stateOf("f", "alive"), self("alive")]),
    );
    expect(changes(effects)).toEqual(["joined e", "joined f"]);
    expect(ended(effects)).toEqual([{ kind: "join-ended", request: 1, error: undefined, members: 3 }]);
  });

  test("shows members of an earlier life with versions that the others take", () => {
    const plain = ledgerVersions.with(4, 0).with(5, 0);
    const node = new SoloNode({ members: [aliveOf("b", { versions: plain })] });
    node.input({ kind: "remember", name: "c", endpoint: placeOf("c"), meta: new Uint8Array() });
    const states = node.states(join(node, "b"));
    expect(states.map(({ name, versions }) => [name, versions.at(-1)])).toContainEqual(["c", 0]);
  });

  test("takes the state of an application along without minding it", () => {
    const node = new SoloNode();
    join(node, "b");
    const userState = new Uint8Array(1000).fill(0xff);
    expect(changes(node.isAnswered(1, pushPullOf([stateOf("b", "alive")], { userState })))).toEqual([
      "joined b",
    ]);
  });

  test.each<[string, StreamMessage, RegExp]>([
    ["an error", { kind: "error", error: "no room" }, /^the other node says: no room$/],
    ["an ack", { kind: "ack", seqNo: 1, payload: new Uint8Array() }, /no state but ack/],
  ])("that is answered with %s has failed", (_, answer, pattern) => {
    const node = new SoloNode();
    join(node, "b", 9);
    expect(ended(node.isAnswered(1, answer))).toEqual([
      { kind: "join-ended", request: 9, error: expect.stringMatching(pattern), members: 0 },
    ]);
    expect(node.view()).toEqual({ me: "alive" });
  });

  test.each<[string, Parameters<SoloNode["input"]>[0], RegExp]>([
    ["that cannot connect", { kind: "stream-ended", stream: 1, error: "refused" }, /^refused$/],
    ["without an answer", { kind: "stream-ended", stream: 1, error: undefined }, /key and label/],
    [
      "whose answer nobody understands",
      { kind: "stream-data", stream: 1, bytes: Uint8Array.of(99) },
      /refused: type/,
    ],
  ])("%s has failed", (_, input, pattern) => {
    const node = new SoloNode();
    join(node, "b", 9);
    expect(ended(node.input(input))).toEqual([
      { kind: "join-ended", request: 9, error: expect.stringMatching(pattern), members: 0 },
    ]);
  });

  test("is told of under its own number, whatever the order", () => {
    const node = new SoloNode();
    join(node, "b", 7);
    join(node, "c", 8);
    const told = [
      ...ended(node.isAnswered(2, pushPullOf([stateOf("c", "alive")]))),
      ...ended(node.isAnswered(1, pushPullOf([stateOf("b", "alive")]))),
    ];
    expect(told).toMatchObject([{ request: 8 }, { request: 7 }]);
  });

  test("does not make members of those that are gone, and are not known here", () => {
    const node = new SoloNode();
    join(node, "b");
    const gone = (["dead", "left", "suspect"] as const).map((state, index) => stateOf(`g${index}`, state));
    node.isAnswered(1, pushPullOf([stateOf("b", "alive"), ...gone]));
    expect(node.view()).toEqual({ me: "alive", b: "alive" });
  });

  test("with an earlier life that was never heard to end is told so, and goes beyond it", () => {
    // After a restart with a clock that was put back, or of a memberlist cluster.
    const node = new SoloNode({ incarnation: 1 });
    join(node, "b");
    const effects = node.isAnswered(1, pushPullOf([stateOf("b", "alive"), self("dead")]));
    expect(node.swim.incarnation).toBe(ownIncarnation + 1);
    expect(notices(effects)).toEqual([{ kind: "refuted", accusation: "suspect", from: selfName }]);
    // Whoever had it wrong hears first what is so.
    expect(node.sent(effects, "alive")[0]).toMatchObject({
      to: "b",
      node: selfName,
      incarnation: ownIncarnation + 1,
    });
    expect(ended(effects)).toMatchObject([{ error: undefined }]);
  });

  test("after which nothing has to be contradicted sends nothing more", () => {
    const node = new SoloNode({ members: ["b"] });
    join(node, "b");
    expect(node.packets(node.isAnswered(1, pushPullOf([stateOf("b", "alive"), self("alive")])))).toEqual([]);
  });
});

describe("an exchange that another node asks for", () => {
  test("is answered with what is known then, the asker included, and nothing more comes of it", () => {
    const node = new SoloNode({ members: ["c"] });
    node.hears("x", suspectOf("c"));
    node.take();
    const effects = node.hearsOnStream("b", pushPullOf([stateOf("b", "alive")], { join: true }));
    expect(node.stream(effects)).toEqual({
      ...{ stream: -1, to: undefined },
      message: pushPullOf([self("alive"), stateOf("c", "suspect"), stateOf("b", "alive")]),
    });
    expect(changes(effects)).toEqual(["joined b"]);
    expect(effects.filter(({ kind }) => kind === "close-stream" || kind === "open-stream")).toHaveLength(1);
  });

  test("makes suspect whom the other takes for suspect or dead, by the word of this node", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    const effects = node.hearsOnStream("x", pushPullOf([stateOf("b", "dead"), stateOf("c", "suspect")]));
    expect(changes(effects)).toEqual(["suspected b", "suspected c"]);
    expect(node.sent(effects, "suspect")).toEqual([
      { to: "b", ...suspectOf("b", { from: selfName }) },
      { to: "c", ...suspectOf("c", { from: selfName }) },
    ]);
  });

  test("confirms a suspicion of others once, as the word of this node", () => {
    const node = new SoloNode({ members: ["b", "c", "d", "e"] });
    node.hears("x", suspectOf("b"));
    const exchange = () => node.hearsOnStream("x", pushPullOf([stateOf("b", "dead")]));
    const set = [exchange(), exchange()].map(
      (effects) => effects.filter(({ kind }) => kind === "set-timer").length,
    );
    expect(set).toEqual([1, 0]);
  });

  test("makes left whom the other takes for left", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(changes(node.hearsOnStream("x", pushPullOf([stateOf("b", "left")])))).toEqual(["left b"]);
    expect(node.sent(node.pass(199), "dead")).toEqual([]);
    expect(node.swim.queued).toBe(1);
  });

  test("takes newer states, and no older ones", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hearsOnStream(
      "x",
      pushPullOf([
        stateOf("b", "alive", { incarnation: incarnation + 1, meta: Uint8Array.of(7) }),
        stateOf("c", "left", { incarnation: incarnation - 1 }),
      ]),
    );
    expect(node.member("b")).toMatchObject({ incarnation: incarnation + 1, meta: Uint8Array.of(7) });
    expect(node.view()).toEqual({ me: "alive", b: "alive", c: "alive" });
  });

  test.each(["suspect", "dead", "left"] as const)(
    "that says this node is %s is contradicted in the answer",
    (state) => {
      const node = new SoloNode();
      const effects = node.hearsOnStream("b", pushPullOf([self(state, ownIncarnation + 4)]));
      expect(node.states(effects)[0]).toEqual(self("alive", ownIncarnation + 5));
    },
  );

  test("is answered with more states than a packet holds", () => {
    const node = new SoloNode({ members: names(2000) });
    const states = node.states(node.hearsOnStream("b", pushPullOf([stateOf("b", "alive")])));
    expect(states).toHaveLength(2002);
    expect(states.slice(1, 2001)).toEqual(names(2000).map((name) => stateOf(name, "alive")));
  });

  test("with the most members, and the most that each can say, fits into a stream", () => {
    const meta = new Uint8Array(limits.memberMetaBytesMax).fill(0xff);
    const crowd = Array.from({ length: limits.membersMax - 1 }, (_, index) =>
      aliveOf(`${index}`.padEnd(limits.memberNameBytesMax, "n"), { ...placeOf("x"), meta }),
    );
    const node = new SoloNode({ members: crowd });
    expect(node.states(node.hearsOnStream("b", pushPullOf([])))).toHaveLength(limits.membersMax);
  });
});

describe("an exchange that tells of members who are gone and were never heard of", () => {
  const belongsEvenDead = (meta: Uint8Array): boolean => meta[0] === 1;
  const meta = Uint8Array.of(1);

  test.each(["dead", "suspect"] as const)("takes a %s one for dead until it shows itself", (state) => {
    const node = new SoloNode({ belongsEvenDead });
    const effects = node.hearsOnStream(
      "b",
      pushPullOf([stateOf("b", "alive"), stateOf("c", state, { meta })]),
    );
    expect(changes(effects)).toEqual(["joined b", "died c"]);
    // Whoever is told that the exchange is over knows who is missing.
    const kinds = effects.map(({ kind }) => kind);
    expect(kinds.indexOf("exchanged")).toBeGreaterThan(kinds.lastIndexOf("member"));
    expect(node.member("c")).toMatchObject({ state: "dead", endpoint: placeOf("c"), meta });
    expect(node.swim.counters.deaths).toBe(0);
    expect(node.states(node.hearsOnStream("b", pushPullOf([])))).toContainEqual(
      expect.objectContaining({ name: "c", state: stateOf("c", "dead").state, meta }),
    );
    node.hears("x", aliveOf("c", { incarnation: 1, meta }));
    expect(node.view()).toEqual({ me: "alive", b: "alive", c: "alive" });
  });

  test("does not take one that left for dead afterwards, whoever still does", () => {
    const node = new SoloNode({ belongsEvenDead });
    const left = stateOf("c", "left", { meta });
    expect(changes(node.hearsOnStream("b", pushPullOf([left])))).toEqual([]);
    const dead = stateOf("c", "dead", { meta, incarnation: 0 });
    expect(changes(node.hearsOnStream("d", pushPullOf([dead])))).toEqual([]);
    expect(node.view()).toEqual({ me: "alive", c: "left" });
    node.hears("x", aliveOf("c", { incarnation: left.incarnation, meta }));
    expect(node.view()["c"]).toBe("left");
    node.hears("x", aliveOf("c", { incarnation: left.incarnation + 1, meta }));
    expect(node.view()["c"]).toBe("alive");
  });

  test("remembers for a day that one has left, and tells nobody: whoever was told would tell again", () => {
    const node = new SoloNode({ belongsEvenDead, members: ["b"] });
    const left = stateOf("c", "left", { meta });
    node.hearsOnStream("b", pushPullOf([left]));
    const told = (): boolean =>
      node.states(node.hearsOnStream("b", pushPullOf([]))).some(({ name }) => name === "c");
    expect([node.view()["c"], told()]).toEqual(["left", false]);
    node.nowMs += 24 * 3_600_000 + 1;
    walkRing(node);
    timer(node, "push-pull");
    expect(node.view()["c"]).toBeUndefined();

    node.hearsOnStream("b", pushPullOf([stateOf("c", "alive", { meta })]));
    node.hears("x", leftOf("c", { incarnation: incarnation + 1 }));
    expect([node.view()["c"], told()]).toEqual(["left", true]);
  });

  test.each<[string, SoloOptions, Partial<NodeState>]>([
    ["nobody is missed", {}, { meta }],
    ["it is not missed by what it says about itself", { belongsEvenDead }, { meta: Uint8Array.of(2) }],
    ["it cannot be a member", { belongsEvenDead, refuses: () => "no" }, { meta }],
    ["its name is too long", { belongsEvenDead }, { meta, name: "n".repeat(256) }],
    ["its address is none", { belongsEvenDead }, { meta, address: Uint8Array.of(1, 2) }],
    [
      "its incarnation is none that anybody came to",
      { belongsEvenDead, incarnationMax: () => 9 },
      { meta, incarnation: 9 },
    ],
  ])("passes over it if %s", (_, options, said) => {
    const node = new SoloNode(options);
    for (const state of ["dead", "suspect", "left"] as const)
      expect(changes(node.hearsOnStream("b", pushPullOf([{ ...stateOf("c", state), ...said }])))).toEqual([]);
    expect(node.view()).toEqual({ me: "alive" });
  });
});

describe("a regular exchange", () => {
  test("begins within the first interval, then comes in each, rarer among many", () => {
    const starts = names(50).map((_, seed) => {
      const node = new SoloNode({ random: seededRandom(seed) });
      node.input({ kind: "start" });
      return node.waits("push-pull")[0] ?? Number.NaN;
    });
    expect(starts.every((wait) => wait >= 0 && wait < 30_000)).toBe(true);
    expect(new Set(starts).size).toBeGreaterThan(40);
    const next = [31, 32, 99].map((others) => {
      const node = new SoloNode({ members: names(others) });
      timer(node, "push-pull");
      return node.waits("push-pull");
    });
    expect(next).toEqual([[30_000], [60_000], [90_000]]);
    const late = names(50).map((_, seed) => {
      const node = new SoloNode({ members: names(99), random: seededRandom(seed) });
      node.input({ kind: "start" });
      return node.waits("push-pull")[0] ?? Number.NaN;
    });
    expect(Math.max(...late)).toBeWithin(60_000, 90_000);
  });

  test("comes as often as among few once many are gone for long", () => {
    const node = new SoloNode({ members: names(99) });
    for (const name of names(99)) node.hears("x", leftOf(name));
    node.nowMs += 60_000;
    for (const _ of names(2)) node.input({ kind: "timer", timer: { kind: "probe", id: 0, token: 0 } });
    timer(node, "push-pull");
    expect([node.waits("push-pull"), node.swim.members().length]).toEqual([[30_000], 100]);
  });

  test("is no join, and with a member that is alive", () => {
    const node = new SoloNode({ members: ["b", "c", "d", "e", "f"] });
    node.hears("x", suspectOf("c"), deadOf("d"), leftOf("e"));
    expect(node.stream(timer(node, "push-pull"))).toMatchObject({
      message: { kind: "push-pull", join: false },
    });
    expect(places(node, "push-pull")).toEqual(new Set(["b", "f"]));
  });

  test("takes what comes back, and says nothing about how it went", () => {
    const node = new SoloNode({ members: ["b"] });
    timer(node, "push-pull");
    const effects = node.isAnswered(1, pushPullOf([stateOf("b", "alive"), stateOf("c", "alive")]));
    expect(changes(effects)).toEqual(["joined c"]);
    expect(ended(effects)).toEqual([]);
    timer(node, "push-pull");
    expect(node.input({ kind: "stream-ended", stream: 2, error: "refused" })).toEqual([]);
  });

  test("is with nobody if nobody is there", () => {
    const node = new SoloNode();
    expect(node.streams(timer(node, "push-pull"))).toEqual([]);
    expect(node.waits("push-pull")).toEqual([30_000]);
  });

  test("forgets those that left a day ago, and remembers the dead", () => {
    const node = new SoloNode({ members: ["b", "c", "d"] });
    node.hears("x", leftOf("b"), deadOf("c"));
    const dayMs = 24 * 3_600_000;
    node.nowMs += dayMs;
    walkRing(node);
    timer(node, "push-pull");
    expect(node.view()).toMatchObject({ b: "left", c: "dead" });
    node.nowMs += 1;
    timer(node, "push-pull");
    expect(node.view()).toEqual({ me: "alive", c: "dead", d: expect.any(String) });
    node.hears("x", aliveOf("b", { incarnation: 1 }));
    expect(node.view()["b"]).toBe("alive");
  });
});

describe("reconnecting", () => {
  test("begins within the first interval, then comes in each, spread over a fifth of it", () => {
    const waits = names(50).map((_, seed) => {
      const node = new SoloNode({ random: seededRandom(seed) });
      node.input({ kind: "start" });
      const [first = Number.NaN] = node.waits("reconnect");
      node.ring("reconnect");
      const [next = Number.NaN] = node.waits("reconnect");
      return { first, next };
    });
    expect(waits.every(({ first }) => first >= 0 && first < 30_000)).toBe(true);
    expect(waits.every(({ next }) => next >= 27_000 && next < 33_000)).toBe(true);
    expect(new Set(waits.map(({ next }) => next)).size).toBeGreaterThan(40);
  });

  test("joins a seed at which no member is, or a dead member, each at times", () => {
    const node = new SoloNode({ members: ["b", "c", "d", "e"] });
    node.hears("x", deadOf("c"), leftOf("d"), suspectOf("e"));
    const seeds = ["b", "e", "s1", "s2", selfName].map(placeOf);
    node.input({ kind: "seeds", seeds });
    expect(node.stream(timer(node, "reconnect"))).toMatchObject({ message: { join: true } });
    expect(places(node, "reconnect")).toEqual(new Set(["c", "s1", "s2"]));
    node.input({ kind: "seeds", seeds: [placeOf("s3")] });
    expect(places(node, "reconnect")).toEqual(new Set(["c", "s3"]));
  });

  test("looks for the dead however long they are so", () => {
    const node = new SoloNode({ members: ["b"] });
    node.hears("x", deadOf("b"));
    node.nowMs += 1_000_000;
    node.input({ kind: "timer", timer: { kind: "probe", id: 0, token: 0 } });
    expect(places(node, "reconnect")).toEqual(new Set(["b"]));
  });

  test("joins nobody if nobody is missing, and tries again", () => {
    const node = new SoloNode({ members: ["b"] });
    expect(places(node, "reconnect", 5)).toEqual(new Set());
    expect(node.waits("reconnect")).toHaveLength(5);
  });

  test("says nothing about how it went", () => {
    const node = new SoloNode();
    node.input({ kind: "seeds", seeds: [placeOf("b")] });
    timer(node, "reconnect");
    expect(node.input({ kind: "stream-ended", stream: 1, error: "refused" })).toEqual([]);
    timer(node, "reconnect");
    expect(changes(node.isAnswered(2, pushPullOf([stateOf("b", "alive")])))).toEqual(["joined b"]);
  });
});

describe("two nodes", () => {
  /** Lets one node join another over a stream, and returns both. */
  function joined(one: SoloOptions, other: SoloOptions): readonly [SoloNode, SoloNode] {
    const joiner = new SoloNode({ name: "a", endpoint: placeOf("a"), ...one });
    const member = new SoloNode({ name: "b", endpoint: placeOf("b"), ...other });
    const opened = join(joiner, "b").find(({ kind }) => kind === "open-stream") as Effect & {
      bytes: Uint8Array;
    };
    const stream = member.opens("a");
    const answers = member
      .input({ kind: "stream-data", stream, bytes: opened.bytes })
      .flatMap((effect) => (effect.kind === "write-stream" ? [effect.bytes] : []));
    for (const bytes of answers) joiner.input({ kind: "stream-data", stream: 1, bytes });
    joiner.input({ kind: "stream-ended", stream: 1, error: undefined });
    return [joiner, member];
  }

  test("know each other and each other's members, in all their states, after one exchange", () => {
    const [joiner, member] = joined({ members: ["c", "d"] }, { members: ["d", "e"] });
    const everybody = { a: "alive", b: "alive", c: "alive", d: "alive", e: "alive" };
    expect([joiner.view(), member.view()]).toEqual([everybody, everybody]);
  });

  test("of different labels do not know each other", () => {
    const [joiner, member] = joined({ label: "prod" }, { label: "test" });
    expect([joiner.view(), member.view()]).toEqual([{ a: "alive" }, { b: "alive" }]);
    expect(member.swim.counters.refused).toEqual({ label: 1 });
    expect(ended(joiner.take())).toMatchObject([{ error: expect.stringMatching(/label/) }]);
  });

  test("of the same label know each other", () => {
    const [joiner, member] = joined({ label: "prod" }, { label: "prod" });
    expect([joiner.view(), member.view()]).toEqual([
      { a: "alive", b: "alive" },
      { a: "alive", b: "alive" },
    ]);
  });
});
