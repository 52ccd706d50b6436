import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { encodeStreamMessage } from "../../src/swim/wire/encode-message.ts";
import { nameAt, notices, placeOf, pushPullOf, SoloNode, stateOf } from "./solo-node.ts";

const request = encodeStreamMessage(pushPullOf([stateOf("b", "alive")]));

describe("a stream that another node opens", () => {
  test("may bring its message in pieces, and gets one answer", () => {
    const node = new SoloNode();
    const stream = node.opens("b");
    const last = request.length - 1;
    for (let at = 0; at < last; at++)
      expect(node.input({ kind: "stream-data", stream, bytes: request.slice(at, at + 1) })).toEqual([]);
    const effects = node.input({ kind: "stream-data", stream, bytes: request.slice(last) });
    expect(effects.map(({ kind }) => kind).filter((kind) => kind.endsWith("stream"))).toEqual([
      "write-stream",
      "close-stream",
    ]);
    expect(node.input({ kind: "stream-data", stream, bytes: request })).toEqual([]);
  });

  test.each([
    ["has the wrong label", "label", Uint8Array.of(244, 1, 97, 0)],
    ["says what nobody understands", "type", Uint8Array.of(99)],
    ["is damaged", "malformed", Uint8Array.of(0, 0xc1)],
    ["is sealed, without a key here", "key", Uint8Array.of(10, 0, 0, 0, 0)],
  ] as const)("that %s is closed, counted and told", (_, refusal, bytes) => {
    const node = new SoloNode();
    const stream = node.opens("b");
    const effects = node.input({ kind: "stream-data", stream, bytes });
    expect(effects).toEqual([
      { kind: "notice", notice: { kind: "refused", from: placeOf("b"), refusal } },
      { kind: "close-stream", stream },
    ]);
    expect(node.swim.counters.refused).toEqual({ [refusal]: 1 });
  });

  test.each([
    ["an ack", { kind: "ack", seqNo: 1, payload: new Uint8Array() }],
    ["an error", { kind: "error", error: "no" }],
  ] as const)("that brings %s is closed", (_, message) => {
    expect(new SoloNode().hearsOnStream("b", message)).toEqual([{ kind: "close-stream", stream: -1 }]);
  });

  test("that ends before its message is over is forgotten", () => {
    const node = new SoloNode();
    const stream = node.opens("b");
    node.input({ kind: "stream-data", stream, bytes: request.slice(0, 10) });
    expect(node.input({ kind: "stream-ended", stream, error: "connection reset" })).toEqual([]);
    expect(node.input({ kind: "stream-data", stream, bytes: request.slice(10) })).toEqual([]);
  });

  test("is one of at most twice as many as its driver should let through", () => {
    const node = new SoloNode();
    const streams = Array.from({ length: 2 * limits.gossipStreamsMax }, () => node.opens("b"));
    expect(node.take()).toEqual([]);
    const more = node.opens("b");
    expect(node.take()).toEqual([{ kind: "close-stream", stream: more }]);
    expect(node.input({ kind: "stream-data", stream: more, bytes: request })).toEqual([]);
    node.input({ kind: "stream-ended", stream: streams[0] ?? 0, error: undefined });
    const another = node.opens("b");
    expect(node.input({ kind: "stream-data", stream: another, bytes: request }).length).toBeGreaterThan(0);
  });

  test("makes room for others once it was answered", () => {
    const node = new SoloNode();
    for (let count = 0; count < 3 * limits.gossipStreamsMax; count++)
      node.input({ kind: "stream-data", stream: node.opens("b"), bytes: request.slice() });
    expect(node.streams(node.take())).toHaveLength(3 * limits.gossipStreamsMax);
  });

  test("that is not known is not minded", () => {
    const node = new SoloNode();
    expect(node.input({ kind: "stream-data", stream: -9, bytes: request })).toEqual([]);
    expect(node.input({ kind: "stream-ended", stream: -9, error: undefined })).toEqual([]);
  });
});

describe("a stream that this node opens", () => {
  test("has a number of its own, and as much time as the timing says", () => {
    const node = new SoloNode();
    const effects = ["b", "c"].flatMap((to) => node.input({ kind: "join", to: placeOf(to), request: 1 }));
    const opened = effects.flatMap((effect) =>
      effect.kind === "open-stream" ? [[effect.stream, nameAt(effect.to), effect.timeoutMs]] : [],
    );
    expect(opened).toEqual([
      [1, "b", 10_000],
      [2, "c", 10_000],
    ]);
  });

  test("is closed once its answer is whole, before anything else is done", () => {
    const node = new SoloNode();
    node.input({ kind: "join", to: placeOf("b"), request: 1 });
    const effects = node.isAnswered(1, pushPullOf([stateOf("b", "alive")]));
    expect(effects[0]).toEqual({ kind: "close-stream", stream: 1 });
    expect(node.isAnswered(1, pushPullOf([stateOf("c", "alive")]))).toEqual([]);
    expect(node.view()).toEqual({ me: "alive", b: "alive" });
  });

  test("with an answer that is not read is closed, counted and told", () => {
    const node = new SoloNode();
    node.input({ kind: "join", to: placeOf("b"), request: 1 });
    const effects = node.input({ kind: "stream-data", stream: 1, bytes: Uint8Array.of(99) });
    expect(notices(effects)).toEqual([{ kind: "refused", from: placeOf("b"), refusal: "type" }]);
    expect(effects).toContainEqual({ kind: "close-stream", stream: 1 });
    expect(node.swim.counters.refused).toEqual({ type: 1 });
  });
});
