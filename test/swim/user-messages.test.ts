import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import { keyringOf } from "../../src/swim/wire/keyring.ts";
import { deadOf, failure, leftOf, SoloNode, suspectOf } from "./solo-node.ts";

const bytes = Uint8Array.of(0xff, 0, 0x80);

describe("a broadcast", () => {
  test("goes round by gossip, each beside the others", () => {
    const node = new SoloNode({ members: ["b"] });
    node.input({ kind: "broadcast", bytes });
    node.input({ kind: "broadcast", bytes });
    expect(node.packets(node.pass(199))).toEqual([
      {
        to: "b",
        messages: [
          { kind: "user", bytes },
          { kind: "user", bytes },
        ],
      },
    ]);
  });

  test("of the greatest size fits into a packet, one more byte is refused", () => {
    const options = { label: "x".repeat(255), keyring: keyringOf([new Uint8Array(32)]) };
    const node = new SoloNode({ members: ["b"], ...options });
    const most = new Uint8Array(limits.gossipUserBytesMax).fill(0xff);
    node.input({ kind: "broadcast", bytes: most });
    expect(node.sent(node.pass(199), "user")).toEqual([{ to: "b", kind: "user", bytes: most }]);
    const tooMuch = new Uint8Array(limits.gossipUserBytesMax + 1);
    expect(() => node.input({ kind: "broadcast", bytes: tooMuch })).toThrow(
      failure("GOSSIP_MESSAGE_TOO_LARGE"),
    );
  });

  test("that is heard is given to the application", () => {
    expect(new SoloNode().hears("b", { kind: "user", bytes })).toEqual([
      { kind: "user-message", bytes, reliable: false },
    ]);
  });
});

describe("a message for one member", () => {
  test("goes over a stream of its own, and wants no answer", () => {
    const node = new SoloNode({ members: ["b"] });
    const effects = node.input({ kind: "send-user", to: "b", bytes });
    expect(node.streams(effects)).toEqual([{ stream: 1, to: "b", message: { kind: "user", bytes } }]);
    expect(effects.slice(1)).toEqual([{ kind: "close-stream", stream: 1 }]);
    expect(effects[0]).toMatchObject({ timeoutMs: 10_000 });
    expect(node.input({ kind: "stream-ended", stream: 1, error: "connection refused" })).toEqual([]);
  });

  test("goes to suspects too, and nowhere else", () => {
    const node = new SoloNode({ members: ["b", "c", "d"] });
    node.hears("x", suspectOf("b"), deadOf("c"), leftOf("d"));
    expect(node.streams(node.input({ kind: "send-user", to: "b", bytes }))).toHaveLength(1);
    for (const to of ["c", "d", "nobody", "me"])
      expect(() => node.input({ kind: "send-user", to, bytes })).toThrow(failure("MEMBER_NOT_FOUND"));
  });

  test("has at most so many bytes", () => {
    const node = new SoloNode({ members: ["b"] });
    const most = new Uint8Array(limits.gossipUserStreamBytesMax);
    expect(node.stream(node.input({ kind: "send-user", to: "b", bytes: most })).message).toEqual({
      kind: "user",
      bytes: most,
    });
    const tooMuch = new Uint8Array(limits.gossipUserStreamBytesMax + 1);
    expect(() => node.input({ kind: "send-user", to: "b", bytes: tooMuch })).toThrow(
      failure("GOSSIP_MESSAGE_TOO_LARGE"),
    );
  });

  test("that came is given to the application, and its stream closed", () => {
    expect(new SoloNode().hearsOnStream("b", { kind: "user", bytes })).toEqual([
      { kind: "user-message", bytes, reliable: true },
      { kind: "close-stream", stream: -1 },
    ]);
  });
});
