import { describe, expect, test } from "bun:test";
import { limits } from "../../../src/core/limits.ts";
import {
  encodePushPull,
  encodeStreamMessage,
  nodeStatePrefix,
} from "../../../src/swim/wire/encode-message.ts";
import type { NodeState, StreamMessage } from "../../../src/swim/wire/messages.ts";
import type { PacketCodec } from "../../../src/swim/wire/packet-codec.ts";
import type { Refusal } from "../../../src/swim/wire/refusal.ts";
import {
  StreamDecoder,
  type StreamProgress,
  type StreamRole,
  wrapStream,
} from "../../../src/swim/wire/stream-codec.ts";
import { bytesOf, codecOf, compressed, compressLayer } from "./codec.ts";
import { deflateLzw } from "./deflate-lzw.ts";
import { golden, pattern } from "./golden.ts";

const more: StreamProgress = { kind: "more" };
const keys = [16, 32].map((length) => pattern({ length, seed: length, alphabet: 256 }));
const address = Uint8Array.of(10, 200, 0, 255);
const versions = Uint8Array.of(1, 5, 2, 0, 5, 1);
const ping: StreamMessage = { kind: "ping", seqNo: 7, node: "a", source: { name: "b", address, port: 1 } };

/** Gives `bytes` to a decoder, `chunkBytes` at a time in one buffer that is used again, until it answers. */
function read(
  codec: PacketCodec,
  bytes: Uint8Array,
  { role = "acceptor", chunkBytes = bytes.length }: { role?: StreamRole; chunkBytes?: number } = {},
): StreamProgress {
  const decoder = new StreamDecoder(codec, role);
  const buffer = Buffer.alloc(chunkBytes);
  let progress = more;
  for (let offset = 0; offset < bytes.length && progress.kind === "more"; offset += chunkBytes) {
    const chunk = bytes.subarray(offset, offset + chunkBytes);
    buffer.set(chunk);
    progress = decoder.push(buffer.subarray(0, chunk.length));
    buffer.fill(0xee);
  }
  return progress;
}

function refused(refusal: Refusal): StreamProgress {
  return { kind: "refused", refusal };
}

function stateOf(index: number): NodeState {
  return {
    name: `node-${index}`,
    address: Uint8Array.of(10, 200, index >> 8, index),
    port: 7946,
    meta: pattern({ length: index % 50, seed: index, alphabet: 256 }),
    incarnation: 1764000000 + index,
    state: index % 4,
    versions,
  };
}

const roleFor = (fromDialler: boolean): StreamRole => (fromDialler ? "acceptor" : "dialler");

describe("a stream of a Go program", () => {
  test.each(golden.streams)("$name is read, whole", ({ value, label, keys: one, fromDialler, bytes }) => {
    const role = roleFor(fromDialler);
    expect(read(codecOf({ label, keys: one }), bytes, { role })).toEqual({ kind: "message", message: value });
  });

  test.each(golden.streams)(
    "$name is read, byte by byte",
    ({ value, label, keys: one, fromDialler, bytes }) => {
      const role = roleFor(fromDialler);
      const codec = codecOf({ label, keys: one });
      expect(read(codec, bytes, { role, chunkBytes: 1 })).toEqual({ kind: "message", message: value });
    },
  );

  test.each(golden.streams)(
    "$name is read, split anywhere",
    ({ value, label, keys: one, fromDialler, bytes }) => {
      const codec = codecOf({ label, keys: one });
      for (let at = 1; at < bytes.length; at++) {
        const decoder = new StreamDecoder(codec, roleFor(fromDialler));
        expect(decoder.push(bytes.subarray(0, at))).toEqual(more);
        expect(decoder.push(bytes.subarray(at))).toEqual({ kind: "message", message: value });
      }
    },
  );
});

describe("encodeStreamMessage()", () => {
  const plain = golden.streams.filter(({ name }) => ["user", "ping", "error"].includes(name));

  test.each(plain)("gives the bytes of a Go program for $name", ({ value, bytes }) => {
    expect(encodeStreamMessage(value)).toEqual(bytes);
  });
});

describe("wrapStream()", () => {
  const samples: readonly StreamMessage[] = [
    ping,
    { kind: "ack", seqNo: 9, payload: bytesOf("abc") },
    { kind: "user", bytes: pattern({ length: 70_000, seed: 1, alphabet: 256 }) },
    { kind: "error", error: "off" },
    {
      kind: "push-pull",
      join: true,
      states: Array.from({ length: 200 }, (_, index) => stateOf(index)),
      userState: bytesOf(1, 2, 3),
    },
  ];
  const variants = ["", "prod"].flatMap((label) =>
    [[], keys].map((one) => ({ label, keys: one, keyCount: one.length })),
  );

  test.each(variants)(
    "makes what the other side reads: label $label, $keyCount keys",
    ({ label, keys: one }) => {
      const codec = codecOf({ label, keys: one });
      for (const message of samples) {
        const body = encodeStreamMessage(message);
        for (const role of ["dialler", "acceptor"] as const) {
          const bytes = wrapStream(codec, body, role);
          const other = role === "dialler" ? "acceptor" : "dialler";
          for (const chunkBytes of [bytes.length, 1000])
            expect(read(codec, bytes, { role: other, chunkBytes })).toEqual({ kind: "message", message });
        }
      }
    },
  );

  test("gives the body itself if there is nothing to add", () => {
    const body = encodeStreamMessage(ping);
    expect(wrapStream(codecOf(), body, "dialler")).toBe(body);
  });

  test("puts the label before what the dialler sends, and not before an answer", () => {
    const body = encodeStreamMessage(ping);
    const codec = codecOf({ label: "prod" });
    expect(wrapStream(codec, body, "dialler")).toEqual(bytesOf(244, 4, "prod", body));
    expect(wrapStream(codec, body, "acceptor")).toBe(body);
  });
});

describe("encodePushPull()", () => {
  test("says the same of states with known prefixes", () => {
    const states = [stateOf(1), stateOf(2)];
    const join = true;
    const userState = bytesOf(5);
    const prefixed = states.map((state) => ({ ...state, prefix: nodeStatePrefix(state) }));
    expect(encodePushPull({ join, userState }, prefixed, 2)).toEqual(
      encodeStreamMessage({ kind: "push-pull", join, states, userState }),
    );
  });

  test("of another number of states than announced is a mistake of this program", () => {
    expect(() => encodePushPull({ join: false, userState: bytesOf() }, [], 1)).toThrow("assertion failed");
  });
});

/** Returns a push/pull with these numbers in its header. */
function announcing(nodes: Uint8Array, userStateLen: Uint8Array): Uint8Array {
  return bytesOf(6, 0x83, 0xa4, "Join", 0xc2, 0xa5, "Nodes", nodes, 0xac, "UserStateLen", userStateLen);
}

const u32 = (value: number) =>
  bytesOf(0xce, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
const zero = bytesOf(0);
const body = encodeStreamMessage(ping);

describe("StreamDecoder refuses", () => {
  const sealed = wrapStream(codecOf({ keys }), body, "dialler");
  const labelled = wrapStream(codecOf({ label: "prod" }), body, "dialler");
  const sealedFor = wrapStream(codecOf({ keys, label: "prod" }), body, "dialler");
  const sealedShort = wrapStream(codecOf({ keys }), body.subarray(0, 5), "dialler");
  const bomb = compressed(new Uint8Array(limits.gossipStreamBytesMax + 1));
  const userLen = (length: Uint8Array) => bytesOf(8, 0x81, 0xaa, "UserMsgLen", length);

  test.each<[string, Parameters<typeof codecOf>[0], Uint8Array, Refusal]>([
    ["a label without ours", {}, labelled, "label"],
    ["no label", { label: "prod" }, body, "label"],
    ["another label", { label: "test" }, labelled, "label"],
    ["what is not sealed, with keys", { keys }, body, "plain"],
    ["what is sealed, without keys", {}, sealed, "key"],
    ["what another key sealed", { keys: keys.slice(1) }, sealed, "key"],
    ["what was sealed for another label", { keys }, sealedFor.subarray(6), "key"],
    ["a sealed nothing", { keys }, bytesOf(10, 0, 0, 0, 0), "key"],
    ["a sealed message that is cut off", { keys }, sealedShort, "malformed"],
    ["a sealed length over the bound", { keys }, bytesOf(10, 2, 0, 0, 0), "too-large"],
    ["a negative number of states", {}, announcing(bytesOf(0xff), zero), "malformed"],
    ["more states than members", {}, announcing(u32(limits.gossipStatesMax + 1), zero), "too-large"],
    [
      "a huge number of states",
      {},
      announcing(bytesOf(0xcf, new Uint8Array(8).fill(127)), zero),
      "malformed",
    ],
    ["a user state over the bound", {}, announcing(zero, u32(limits.gossipStreamBytesMax + 1)), "too-large"],
    ["a user message over the bound", {}, userLen(u32(limits.gossipUserStreamBytesMax + 1)), "too-large"],
    ["a negative user message", {}, userLen(bytesOf(0xff)), "malformed"],
    [
      "a state with an endless name",
      {},
      bytesOf(announcing(bytesOf(1), zero), 0x81, 0xa4, "Name", 0xdb, 255, 255, 255, 255),
      "too-large",
    ],
    ["an endless unknown field", {}, bytesOf(6, 0x81, 0xa1, "x", 0xc6, 255, 255, 255, 255), "too-large"],
    ["an endless compressed layer", {}, bytesOf(9, 0x81, 0xa3, "Buf", 0xdb, 255, 255, 255, 255), "too-large"],
    ["a state that is no map", {}, bytesOf(announcing(bytesOf(1), zero), 0x90), "malformed"],
    ["an unknown compression", {}, compressLayer(deflateLzw(body), 3), "compression"],
    ["damaged compression", {}, compressLayer(bytesOf(255, 255, 255), 0), "compression"],
    ["a bomb", {}, bomb, "too-large"],
    ["compression in compression", {}, compressed(compressed(body)), "too-deep"],
    ["a compressed nothing", {}, compressed(bytesOf()), "malformed"],
    ["a compressed message that is cut off", {}, compressed(body.subarray(0, 9)), "malformed"],
    ["a compressed push/pull with too few states", {}, compressed(announcing(bytesOf(3), zero)), "malformed"],
    [
      "a compressed push/pull with half a user state",
      {},
      compressed(announcing(zero, bytesOf(3))),
      "malformed",
    ],
    ["an indirect ping", {}, bytesOf(1, 0x80), "type"],
    ["a compound", {}, bytesOf(7, 1, 0, 1, 0), "type"],
    ["sealing in sealing", { keys }, wrapStream(codecOf({ keys }), sealed, "dialler"), "type"],
    ["noise", {}, bytesOf(0x16, 3, 1, 2, 0), "type"],
  ])("%s", (_, options, bytes, expected) => {
    expect(read(codecOf(options), bytes)).toEqual(refused(expected));
    expect(read(codecOf(options), bytes, { chunkBytes: Math.ceil(bytes.length / 100) })).toEqual(
      refused(expected),
    );
  });

  test("an answer with a label", () => {
    expect(read(codecOf({ label: "prod" }), labelled, { role: "dialler" })).toEqual(refused("label"));
  });

  test("a plain message that never ends, once it is over the bound", () => {
    const decoder = new StreamDecoder(codecOf(), "acceptor");
    expect(decoder.push(announcing(u32(limits.gossipStatesMax), zero))).toEqual(more);
    // States of 8 KiB each, in a field that is not known.
    const state = bytesOf(0x81, 0xa1, "x", 0xda, 32, 0, new Uint8Array(8192));
    const outcomes = new Set<string>();
    let received = 0;
    for (; received < 2 * limits.gossipStreamBytesMax; received += state.length) {
      const progress = decoder.push(state);
      outcomes.add(progress.kind === "refused" ? progress.refusal : progress.kind);
      if (progress.kind !== "more") break;
    }
    expect([...outcomes]).toEqual(["more", "too-large"]);
    expect(received).toBeGreaterThan(limits.gossipStreamBytesMax - 10_000);
    expect(received).toBeLessThan(limits.gossipStreamBytesMax + 10_000);
  });
});

describe("StreamDecoder", () => {
  test("wants more of what is short, for ever", () => {
    for (let length = 0; length < body.length; length++)
      expect(read(codecOf(), body.subarray(0, length))).toEqual(more);
  });

  test("passes over what follows the message, or its refusal", () => {
    const decoder = new StreamDecoder(codecOf(), "acceptor");
    expect(decoder.push(bytesOf(body, 1, 2, 3))).toEqual({ kind: "message", message: ping });
    expect(decoder.push(body)).toEqual(more);
    const other = new StreamDecoder(codecOf(), "acceptor");
    expect([other.push(bytesOf(99)), other.push(body)]).toEqual([refused("type"), more]);
  });

  test("leaves out states that say nothing about a member that can be, and keeps the others", () => {
    const good = [stateOf(1), stateOf(2)];
    const bad: NodeState[] = [
      { ...stateOf(3), name: "" },
      { ...stateOf(3), name: "n".repeat(256) },
      { ...stateOf(3), meta: new Uint8Array(513) },
      { ...stateOf(3), address: bytesOf(1, 2, 3) },
      { ...stateOf(3), state: 4 },
      { ...stateOf(3), port: 65_536 },
    ];
    const states = [stateOf(1), ...bad, stateOf(2)];
    const bytes = encodeStreamMessage({ kind: "push-pull", join: false, states, userState: bytesOf(1) });
    const notUtf8 = bytesOf(
      6,
      0x81,
      0xa5,
      "Nodes",
      1,
      0x82,
      0xa4,
      "Name",
      0xa1,
      255,
      0xa4,
      "Addr",
      0xa4,
      address,
    );
    const message = (found: readonly NodeState[], userState: Uint8Array): StreamProgress => ({
      kind: "message",
      message: { kind: "push-pull", join: false, states: found, userState },
    });
    expect(read(codecOf(), bytes, { chunkBytes: 7 })).toEqual(message(good, bytesOf(1)));
    expect(read(codecOf(), notUtf8)).toEqual(message([], bytesOf()));
  });

  test("gives IPv4 addresses as 4 bytes", () => {
    const mapped = { ...stateOf(1), address: bytesOf(new Uint8Array(10), 255, 255, address) };
    const bytes = encodeStreamMessage({
      kind: "push-pull",
      join: false,
      states: [mapped],
      userState: bytesOf(),
    });
    expect(read(codecOf(), bytes)).toMatchObject({ message: { states: [{ address }] } });
  });

  test.each([1, 3, 1460, 65_536])("reads 3,000 states in parts of %p bytes", (chunkBytes) => {
    const states = Array.from({ length: 3000 }, (_, index) => stateOf(index));
    const message: StreamMessage = { kind: "push-pull", join: false, states, userState: bytesOf("end") };
    const bytes = encodeStreamMessage(message);
    expect(read(codecOf(), bytes, { chunkBytes })).toEqual({ kind: "message", message });
  });

  test("reads a field of a thousand values that it does not know, byte by byte", () => {
    const field = bytesOf(0xa1, "x", 0xdc, 3, 232, new Uint8Array(1000).fill(0xc0));
    const bytes = bytesOf(0, 0x82, field, 0xa5, "SeqNo", 5);
    expect(read(codecOf(), bytes, { chunkBytes: 1 })).toMatchObject({ message: { kind: "ping", seqNo: 5 } });
  });
});
