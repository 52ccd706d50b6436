/**
 * Single messages: those of Go programs, both ways, and all the ways in which other versions may write them.
 *
 * @module
 */

import { describe, expect, test } from "bun:test";
import { hex } from "../../../src/core/hex.ts";
import { encodeMessage } from "../../../src/swim/wire/encode-message.ts";
import type { PacketMessage } from "../../../src/swim/wire/messages.ts";
import type { Refusal } from "../../../src/swim/wire/refusal.ts";
import { bytesOf, codecOf } from "./codec.ts";
import { golden } from "./golden.ts";

const codec = codecOf();

function read(bytes: Uint8Array): PacketMessage | Refusal | undefined {
  const result = codec.unwrap(bytes);
  return result.kind === "refused" ? result.refusal : result.messages[0];
}

/** Returns a message of one byte keys' lengths: its type, then keys and already encoded values. */
function message(type: number, fields: Readonly<Record<string, Uint8Array | number>>): Uint8Array {
  const entries = Object.entries(fields);
  return bytesOf(type, 0x80 | entries.length, ...entries.flatMap(([key, value]) => [raw(key), value]));
}

function raw(content: string | Uint8Array): Uint8Array {
  return bytesOf(0xa0 | bytesOf(content).length, content);
}

describe("a message of a Go program", () => {
  test.each(golden.messages)("$name is encoded to the same bytes", ({ value, bytes }) => {
    expect(hex(encodeMessage(value))).toBe(hex(bytes));
  });

  test.each(golden.messages)("$name is decoded", ({ value, bytes }) => {
    expect(read(bytes)).toEqual(value);
  });

  test.each(golden.messages)("$name is refused if it is cut off anywhere", ({ value, bytes }) => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = read(bytes.subarray(0, length));
      if (value.kind === "user" && length > 0)
        expect(cut).toEqual({ kind: "user", bytes: value.bytes.slice(0, length - 1) });
      else expect(["malformed", "key"]).toContain(cut as string);
    }
  });

  test.each(golden.messages)("$name shares no memory with its packet", ({ value, bytes }) => {
    const packet = Buffer.from(bytes);
    const result = read(packet);
    packet.fill(0);
    expect(result).toEqual(value);
  });
});

const address = Uint8Array.of(10, 200, 0, 255);
const mapped = bytesOf(new Uint8Array(10), 255, 255, address);
const alive = {
  Incarnation: 5,
  Node: raw("n"),
  Addr: raw(address),
  Port: bytesOf(0xcd, 31, 10),
  Meta: raw("m"),
  Vsn: raw(Uint8Array.of(1, 5, 2, 0, 5, 1)),
};
const aliveValue = {
  kind: "alive",
  incarnation: 5,
  node: "n",
  address,
  port: 7946,
  meta: bytesOf("m"),
  versions: Uint8Array.of(1, 5, 2, 0, 5, 1),
} as const;

describe("an alive message of another version", () => {
  test.each<[string, object, object]>([
    ["as expected", {}, {}],
    ["with str8 for text", { Node: bytesOf(0xd9, 1, "n") }, {}],
    ["with bin8 for bytes", { Addr: bytesOf(0xc4, 4, address), Meta: bytesOf(0xc4, 1, "m") }, {}],
    [
      "with bin16 and bin32",
      { Addr: bytesOf(0xc5, 0, 4, address), Meta: bytesOf(0xc6, 0, 0, 0, 1, "m") },
      {},
    ],
    ["with bin8 for text", { Node: bytesOf(0xc4, 1, "n") }, {}],
    ["with nil for meta and versions", { Meta: 0xc0, Vsn: 0xc0 }, { meta: bytesOf(), versions: bytesOf() }],
    ["with an array of integers for versions", { Vsn: bytesOf(0x96, 1, 5, 2, 0, 5, 1) }, {}],
    [
      "with bytes of 0x80 and more",
      { Meta: raw(Uint8Array.of(0x80, 0xff)) },
      { meta: Uint8Array.of(128, 255) },
    ],
    ["with a wide integer", { Incarnation: bytesOf(0xcf, 0, 0, 0, 0, 0, 0, 0, 5) }, {}],
    ["with a signed integer", { Incarnation: bytesOf(0xd3, 0, 0, 0, 0, 0, 0, 0, 5) }, {}],
    ["with IPv4 in 16 bytes", { Addr: raw(mapped) }, {}],
    ["with unknown keys", { Zone: bytesOf(0x81, raw("a"), 0xca, 0, 0, 0, 0), X: bytesOf(0xd4, 1, 2) }, {}],
    ["with keys of other messages, of other types", { SeqNo: raw("x"), Payload: 0xc3 }, {}],
    ["with a key in other case", { incarnation: 9, NODE: raw("x") }, {}],
  ])("%s", (_, fields, expected) => {
    expect(read(message(4, { ...alive, ...fields }))).toEqual({ ...aliveValue, ...expected });
  });

  test("without what may be missing", () => {
    const { Node, Addr } = alive;
    expect(read(message(4, { Node, Addr }))).toEqual({
      ...aliveValue,
      incarnation: 0,
      port: 0,
      meta: bytesOf(),
      versions: bytesOf(),
    });
  });

  test("with its fields in another order", () => {
    const reversed = Object.fromEntries(Object.entries(alive).toReversed());
    expect(read(message(4, reversed))).toEqual(aliveValue);
  });

  test.each<[string, object]>([
    ["a port over 65535", { Port: bytesOf(0xce, 0, 1, 0, 0) }],
    ["a negative port", { Port: 0xff }],
    ["an incarnation over 32 bits", { Incarnation: bytesOf(0xcf, 0, 0, 0, 1, 0, 0, 0, 0) }],
    ["an incarnation that is a float", { Incarnation: bytesOf(0xcb, new Uint8Array(8)) }],
    ["no name", { Node: 0xc0 }],
    ["a name that is not UTF-8", { Node: raw(Uint8Array.of(0xff)) }],
    ["a name that is a number", { Node: 7 }],
    ["a name of 256 bytes", { Node: bytesOf(0xda, 1, 0, "n".repeat(256)) }],
    ["meta of 513 bytes", { Meta: bytesOf(0xda, 2, 1, "m".repeat(513)) }],
    ["an address of 5 bytes", { Addr: raw("12345") }],
    ["no address", { Addr: 0xc0 }],
    ["seven versions", { Vsn: raw("1234567") }],
    ["a version over 255", { Vsn: bytesOf(0x91, 0xcd, 1, 0) }],
  ])("is refused with %s", (_, fields) => {
    expect(read(message(4, { ...alive, ...fields }))).toBe("malformed");
  });
});

describe("a probe", () => {
  const ping = { SeqNo: 1, Node: raw("n") };
  const source = { SourceAddr: raw(address), SourcePort: 80, SourceNode: raw("s") };

  test.each<[string, object, object | undefined]>([
    ["a source", source, { name: "s", address, port: 80 }],
    ["a source without a name", { ...source, SourceNode: 0xc0 }, { name: "", address, port: 80 }],
    ["a mapped source", { ...source, SourceAddr: raw(mapped) }, { name: "s", address, port: 80 }],
    ["no address to answer to", { ...source, SourceAddr: raw("") }, undefined],
    ["no port to answer to", { ...source, SourcePort: 0 }, undefined],
    ["an address that is none", { ...source, SourceAddr: raw("abc") }, undefined],
  ])("with %s", (_, fields, expected) => {
    expect(read(message(0, { ...ping, ...fields }))).toEqual({
      kind: "ping",
      seqNo: 1,
      node: "n",
      source: expected as undefined,
    });
  });

  test("without a target is refused", () => {
    expect(read(message(1, { SeqNo: 1, Node: raw("n"), Port: 7 }))).toBe("malformed");
  });
});

describe("what is no message of a packet is refused", () => {
  test.each<[string, Uint8Array, Refusal]>([
    ["nothing", bytesOf(), "malformed"],
    ["a push/pull", bytesOf(6, 0x80), "type"],
    ["an error", bytesOf(13, 0x80), "type"],
    ["a sealed stream", bytesOf(10, 0, 0, 0, 0), "type"],
    ["a type that is not known", bytesOf(14, 0x80), "type"],
    ["a map that is an array", bytesOf(2, 0x90), "malformed"],
    ["a map that is nil", bytesOf(2, 0xc0), "malformed"],
    ["a suspect without a name", message(3, { From: raw("a") }), "malformed"],
    ["a dead without a name", message(5, { From: raw("a") }), "malformed"],
  ])("%s", (_, bytes, expected) => {
    expect(read(bytes)).toBe(expected);
  });
});
