import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { encodeCompound } from "../../src/swim/wire/compound.ts";
import { encodeMessage } from "../../src/swim/wire/encode-message.ts";
import { emptyKeyring, keyringOf } from "../../src/swim/wire/keyring.ts";
import {
  aliveOf,
  changes,
  deadOf,
  incarnation,
  ledgerVersions,
  leftOf,
  ownIncarnation,
  ownMeta,
  placeOf,
  pushPullOf,
  selfName,
  SoloNode,
  stateOf,
  suspectOf,
} from "./solo-node.ts";

const ping = { kind: "ping", seqNo: 7, node: selfName, source: undefined } as const;
const self = {
  ...{ name: selfName, endpoint: placeOf(selfName), meta: ownMeta, versions: ledgerVersions },
  ...{ incarnation: ownIncarnation, state: "alive" as const, isSelf: true },
};

describe("a packet", () => {
  test.each([
    ["of nothing", "malformed", new Uint8Array()],
    ["of an unknown type", "type", Uint8Array.of(99)],
    ["of another label", "label", Uint8Array.of(244, 1, 97, 0)],
    ["with a wrong checksum", "crc", Uint8Array.of(12, 0, 0, 0, 0, 8)],
    ["that is too large", "too-large", new Uint8Array(limits.gossipPacketBytesMax + 1)],
  ] as const)("%s is counted and told, no more", (_, refusal, bytes) => {
    const node = new SoloNode();
    for (const times of [1, 2]) {
      expect(node.input({ kind: "packet", from: placeOf("b"), bytes })).toEqual([
        { kind: "notice", notice: { kind: "refused", from: placeOf("b"), refusal } },
      ]);
      expect(node.swim.counters.refused).toEqual({ [refusal]: times });
    }
  });

  test("with parts that cannot be read is read as far as it can, and they are counted", () => {
    const node = new SoloNode();
    const bytes = encodeCompound([Uint8Array.of(99), encodeMessage(ping), Uint8Array.of(4, 0xc1)]);
    const effects = node.input({ kind: "packet", from: placeOf("b"), bytes });
    expect(node.packets(effects)).toMatchObject([{ to: "b", messages: [{ kind: "ack", seqNo: 7 }] }]);
    node.input({ kind: "packet", from: placeOf("b"), bytes: bytes.slice() });
    expect(node.swim.counters.refused).toEqual({ malformed: 4 });
  });

  test("that nobody asked for changes nothing", () => {
    const node = new SoloNode({ members: ["b"] });
    const ack = { kind: "ack", seqNo: 7, payload: Uint8Array.of(0xff) } as const;
    expect(node.hears("b", ack, { kind: "nack", seqNo: 7 })).toEqual([]);
  });
});

describe("keys", () => {
  const [key, next] = [new Uint8Array(16).fill(0xfe), new Uint8Array(32).fill(0x80)];

  test("are used from the moment they are given", () => {
    const node = new SoloNode({ members: ["b"] });
    for (const keys of [[key], [key, next], [next], []]) {
      node.input({ kind: "keyring", keyring: keyringOf(keys) });
      expect(node.packets(node.hears("b", ping))).toMatchObject([{ messages: [{ kind: "ack" }] }]);
      expect(node.streams(node.hearsOnStream("b", ping))).toMatchObject([{ message: { kind: "ack" } }]);
    }
  });

  test("keep out who has none", () => {
    const node = new SoloNode({ keyring: keyringOf([key]) });
    const outsider = { from: placeOf("b"), bytes: encodeMessage(aliveOf("b")) };
    node.input({ kind: "packet", ...outsider });
    const stream = node.opens("b");
    node.input({ kind: "stream-data", stream, bytes: outsider.bytes });
    expect([node.view(), node.swim.counters.refused]).toEqual([{ me: "alive" }, { plain: 2 }]);
    node.input({ kind: "keyring", keyring: emptyKeyring });
    node.input({ kind: "packet", from: placeOf("b"), bytes: encodeMessage(aliveOf("b")) });
    expect(node.view()).toEqual({ me: "alive", b: "alive" });
  });
});

describe("what a node says about itself", () => {
  test("is announced anew under a new incarnation when it changes", () => {
    const node = new SoloNode({ members: ["b"] });
    const meta = new Uint8Array(limits.memberMetaBytesMax).fill(0xff);
    expect(node.states(node.hearsOnStream("b", pushPullOf([])))[0]?.meta).toEqual(ownMeta);
    node.input({ kind: "meta", meta });
    expect(node.sent(node.pass(199), "alive")).toEqual([
      { to: "b", ...aliveOf(selfName, { incarnation: ownIncarnation + 1, meta }) },
    ]);
    expect(node.swim.members()[0]).toEqual({ ...self, meta, incarnation: ownIncarnation + 1 });
    const [state] = node.states(node.hearsOnStream("b", pushPullOf([])));
    expect(state).toEqual(stateOf(selfName, "alive", { incarnation: ownIncarnation + 1, meta }));
    expect(node.swim.counters.refutations).toBe(0);
  });

  test("is at most so long", () => {
    const meta = new Uint8Array(limits.memberMetaBytesMax + 1);
    expect(() => new SoloNode({ meta })).toThrow("short enough");
    expect(() => new SoloNode().input({ kind: "meta", meta })).toThrow("short enough");
  });
});

describe("Swim.members()", () => {
  test("gives this node first, then every other", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.hears("x", deadOf("b"));
    const { kind: _, node: name, address, port, ...said } = aliveOf("b");
    const b = { name, ...said, endpoint: { address, port }, isSelf: false };
    expect(node.swim.members()).toEqual([
      self,
      { ...b, state: "dead" },
      { ...b, name: "c", endpoint: placeOf("c"), state: "alive" },
    ]);
  });
});

describe("Swim.preload()", () => {
  test("makes members alive without a word, and this node none of them", () => {
    const node = new SoloNode({ members: ["b", aliveOf(selfName, { incarnation: 1 })] });
    expect([node.view(), node.swim.queued]).toEqual([{ me: "alive", b: "alive" }, 0]);
    expect(node.member("b")).toMatchObject({ incarnation, endpoint: placeOf("b") });
    expect(node.swim.stateCodeOf(0)).toBe(1);
  });
});

describe("start", () => {
  test("sets the timers that come again and again, and nothing else", () => {
    const node = new SoloNode({ members: ["b"] });
    const effects = node.input({ kind: "start" });
    expect(effects.map((effect) => effect.kind === "set-timer" && effect.timer.kind)).toEqual([
      "probe",
      "push-pull",
      "reconnect",
    ]);
    const tokens = effects.map((effect) => (effect.kind === "set-timer" ? effect.timer.token : 0));
    expect(new Set(tokens).size).toBe(3);
  });
});

describe("a stall", () => {
  test.each([
    [1, 1],
    [1000, 1],
    [1001, 2],
    [3500, 4],
    [3_600_000, 7],
  ])("of %d ms makes a node that probes each second doubt itself by %d", (forMs, score) => {
    const node = new SoloNode();
    expect(node.input({ kind: "stalled", forMs })).toEqual([]);
    expect(node.swim.healthScore).toBe(score);
  });

  test("adds to the doubt there is, and answered probes take it away", () => {
    const node = new SoloNode({ members: ["b"], timing: { probeIntervalMs: 100, probeTimeoutMs: 50 } });
    node.input({ kind: "stalled", forMs: 200 });
    node.input({ kind: "stalled", forMs: 100 });
    expect(node.swim.healthScore).toBe(3);
    const effects = node.input({ kind: "timer", timer: { kind: "probe", id: 0, token: 0 } });
    const [sent] = node.sent(effects, "ping");
    node.hears("b", { kind: "ack", seqNo: sent?.seqNo ?? 0, payload: new Uint8Array() });
    expect(node.swim.healthScore).toBe(2);
  });
});

describe("a clock that jumps", () => {
  test("makes a node give up what it waits for, and go on", () => {
    const node = new SoloNode({ members: ["b", "c"] });
    node.input({ kind: "start" });
    node.hears("x", suspectOf("c"), aliveOf("d"), leftOf("d"));
    node.pass(1000);
    node.take();
    node.nowMs += 7 * 24 * 3_600_000;
    const effects = node.pass(0);
    expect(changes(effects)).toContain("died c");
    node.pass(60_000);
    expect(node.sent(node.take(), "ping").length).toBeGreaterThan(0);
    expect(node.view()["me"]).toBe("alive");
    expect(changes(node.hears("c", aliveOf("c", { incarnation: 9 })))).toEqual(["joined c"]);
  });
});
