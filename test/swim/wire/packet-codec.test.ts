import { describe, expect, test } from "bun:test";
import { limits } from "../../../src/core/limits.ts";
import { encodeCompound } from "../../../src/swim/wire/compound.ts";
import { encodeMessage } from "../../../src/swim/wire/encode-message.ts";
import { emptyKeyring, keyringOf } from "../../../src/swim/wire/keyring.ts";
import type { PacketMessage } from "../../../src/swim/wire/messages.ts";
import type { Unwrapped } from "../../../src/swim/wire/packet-codec.ts";
import type { Refusal } from "../../../src/swim/wire/refusal.ts";
import { bytesOf, codecOf, compressed, compressLayer } from "./codec.ts";
import { deflateLzw } from "./deflate-lzw.ts";
import { golden, pattern } from "./golden.ts";

const keys = [16, 24, 32].map((length) => pattern({ length, seed: length, alphabet: 256 }));
const address = Uint8Array.of(10, 200, 0, 255);
const source = { name: "node-b", address, port: 7946 };
const ping: PacketMessage = { kind: "ping", seqNo: 7, node: "node-a", source };
const nack: PacketMessage = { kind: "nack", seqNo: 8 };
const body = encodeMessage(ping);
const whole = encodeCompound([body, encodeMessage(nack)]);

function messages(...expected: readonly PacketMessage[]): Unwrapped {
  return { kind: "messages", messages: expected, malformed: 0 };
}

function refused(refusal: Refusal): Unwrapped {
  return { kind: "refused", refusal };
}

describe("a packet of a Go program", () => {
  test.each(golden.packets)("$name is read", ({ label, keys: one, kinds, bytes }) => {
    const result = codecOf({ label, keys: one }).unwrap(bytes);
    expect(result.kind === "messages" ? result.messages.map(({ kind }) => kind as string) : result).toEqual(
      kinds,
    );
  });

  test.each(golden.packets)("$name shares no memory with its messages", ({ label, keys: one, bytes }) => {
    const packet = Buffer.from(bytes);
    const codec = codecOf({ label, keys: one });
    const result = codec.unwrap(packet);
    packet.fill(0);
    expect(result).toEqual(codec.unwrap(bytes));
  });
});

describe("PacketCodec.wrap()", () => {
  const variants = ["", "prod"].flatMap((label) =>
    [[], ...keys.map((key) => [key])].flatMap((one) =>
      [false, true].map((crc) => ({ label, keys: one, keyBytes: one[0]?.length ?? 0, crc })),
    ),
  );
  const title = "makes what unwrap() reads: label $label, key of $keyBytes bytes, checksum $crc";

  test.each(variants)(title, ({ label, keys: one, crc }) => {
    const codec = codecOf({ label, keys: one });
    const packet = codec.wrap(whole, { crc });
    expect(packet).toHaveLength(whole.length + codec.overhead - (crc ? 0 : 5));
    expect(codecOf({ label, keys: one }).unwrap(packet)).toEqual(messages(ping, nack));
  });

  test("gives the body itself if there is nothing to add", () => {
    expect(codecOf().wrap(body)).toBe(body);
  });

  test("seals with the primary, and never twice the same", () => {
    const codec = codecOf({ keys });
    const packet = codec.wrap(body);
    expect(codecOf({ keys: keys.slice(0, 1) }).unwrap(packet)).toEqual(messages(ping));
    expect(codec.wrap(body)).not.toEqual(packet);
  });
});

describe("PacketCodec follows its keyring", () => {
  test("from plain text to keys, to other keys, and back", () => {
    const codec = codecOf();
    const plain = codec.wrap(body);
    codec.keyring = keyringOf(keys.slice(0, 2));
    const first = codec.wrap(body);
    expect([codec.unwrap(plain), codec.unwrap(first)]).toEqual([refused("plain"), messages(ping)]);
    codec.keyring = keyringOf(keys.slice(1));
    expect(codec.unwrap(first)).toEqual(refused("key"));
    codec.keyring = emptyKeyring;
    expect([codec.overhead, codec.unwrap(plain)]).toEqual([5, messages(ping)]);
  });

  test.each(keys)("opens what any of its keys sealed", (key) => {
    expect(codecOf({ keys }).unwrap(codecOf({ keys: [key] }).wrap(body))).toEqual(messages(ping));
  });
});

describe("PacketCodec.unwrap() refuses", () => {
  const sealed = codecOf({ keys }).wrap(body);
  const labelled = codecOf({ label: "prod" }).wrap(body);
  const sealedFor = codecOf({ keys, label: "prod" }).wrap(body);
  const summed = codecOf().wrap(body, { crc: true });
  const wrongSum = summed.with(2, (summed[2] ?? 0) ^ 1);
  const layers = (count: number) =>
    Array.from({ length: count }).reduce<Uint8Array>((inner) => encodeCompound([inner]), body);

  test.each<[string, Parameters<typeof codecOf>[0], Uint8Array, Unwrapped]>([
    ["nothing", {}, bytesOf(), refused("malformed")],
    ["nothing after a label", { label: "prod" }, bytesOf(244, 4, "prod"), refused("malformed")],
    ["a label without ours", {}, labelled, refused("label")],
    ["no label", { label: "prod" }, body, refused("label")],
    ["another label", { label: "test" }, labelled, refused("label")],
    ["a longer label", { label: "pro" }, labelled, refused("label")],
    ["half a label", { label: "prod" }, bytesOf(244, 4, "pr"), refused("label")],
    ["a label alone", {}, bytesOf(244), refused("label")],
    ["a ping that is not sealed", { keys }, body, refused("plain")],
    ["a compound that is not sealed", { keys }, whole, refused("plain")],
    ["a short ping that is not sealed", { keys }, bytesOf(0, 0x81, 0xa5, "SeqNo", 1), refused("plain")],
    ["what another key sealed", { keys: keys.slice(1) }, sealed, refused("key")],
    ["what is sealed, without keys", {}, sealed, refused("key")],
    ["what was sealed for another label", { keys }, sealedFor.subarray(6), refused("key")],
    ["sealed nothing", { keys }, codecOf({ keys }).wrap(bytesOf()), refused("malformed")],
    ["a wrong checksum", {}, wrongSum, refused("crc")],
    ["a sealed wrong checksum", { keys }, codecOf({ keys }).wrap(wrongSum), refused("crc")],
    ["a checksum of nothing", {}, bytesOf(12, 0, 0, 0, 0), refused("malformed")],
    ["half a checksum", {}, bytesOf(12, 0, 0, 0), refused("type")],
    ["a checksum in a compound", {}, encodeCompound([summed]), refused("type")],
    ["a compound without its lengths", {}, bytesOf(7, 255, 0, 0), refused("malformed")],
    ["a compound cut off in its first part", {}, whole.subarray(0, 10), refused("malformed")],
    ["five layers", {}, layers(5), refused("too-deep")],
    [
      "five layers of both kinds",
      {},
      compressed(encodeCompound([compressed(layers(2))])),
      refused("too-deep"),
    ],
    ["an unknown compression", {}, compressLayer(deflateLzw(body), 1), refused("compression")],
    ["damaged compression", {}, compressLayer(bytesOf(0xff, 0xff, 0xff), 0), refused("compression")],
    ["compression cut off", {}, compressLayer(deflateLzw(body).subarray(0, 9), 0), refused("compression")],
    ["a compressed nothing", {}, compressed(bytesOf()), refused("malformed")],
    ["a compressed layer that is none", {}, bytesOf(9, 0x81, 0xa3, "Buf", 7), refused("malformed")],
    ["a bomb", {}, compressed(bytesOf(8, new Uint8Array(300_000))), refused("too-large")],
    ["more than a packet", {}, new Uint8Array(limits.gossipPacketBytesMax + 1).fill(8), refused("too-large")],
  ])("%s", (_, options, bytes, expected) => {
    expect(codecOf(options).unwrap(bytes)).toEqual(expected);
  });

  test("nothing of what is just within its bounds", () => {
    expect(codecOf().unwrap(layers(4))).toEqual(messages(ping));
    const largest = new Uint8Array(limits.gossipPacketBytesMax).fill(8);
    expect(codecOf().unwrap(largest)).toEqual(messages({ kind: "user", bytes: largest.subarray(1) }));
    const inflated = new Uint8Array(limits.gossipInflatedBytesMax).fill(8);
    expect(codecOf().unwrap(compressed(inflated))).toEqual(
      messages({ kind: "user", bytes: inflated.subarray(1) }),
    );
  });

  test("several bombs in one packet, each of which would be allowed", () => {
    const bomb = compressed(bytesOf(8, new Uint8Array(limits.gossipInflatedBytesMax / 2)));
    expect(codecOf().unwrap(encodeCompound([bomb]))).toMatchObject({ kind: "messages" });
    expect(codecOf().unwrap(encodeCompound([bomb, bomb]))).toEqual(refused("too-large"));
  });

  test("more messages than a packet needs", () => {
    const many = encodeCompound(Array.from({ length: 128 }, () => bytesOf(8)));
    const packet = (count: number) => encodeCompound(Array.from({ length: count }, () => many));
    expect(codecOf().unwrap(packet(32))).toMatchObject({ kind: "messages", malformed: 0 });
    expect(codecOf().unwrap(packet(33))).toEqual(refused("too-large"));
  });
});

describe("PacketCodec.unwrap() of a compound with bad parts", () => {
  test("gives the good ones and counts the others", () => {
    const parts = [bytesOf(4, 0x80), body, bytesOf(), bytesOf(99), encodeMessage(nack), bytesOf(9, 0x90)];
    expect(codecOf().unwrap(encodeCompound(parts))).toEqual({
      kind: "messages",
      messages: [ping, nack],
      malformed: 4,
    });
  });

  test("counts those that are cut off", () => {
    const three = encodeCompound([body, body, body]);
    expect(codecOf().unwrap(three.subarray(0, 8 + body.length + 1))).toEqual({
      kind: "messages",
      messages: [ping],
      malformed: 2,
    });
  });

  test("gives nothing of an empty one", () => {
    expect(codecOf().unwrap(bytesOf(7, 0))).toEqual(messages());
  });
});
