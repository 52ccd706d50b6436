import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { unhex } from "../../../src/core/hex.ts";
import { limits } from "../../../src/core/limits.ts";
import type { MemberTags } from "../../../src/core/member.ts";
import { encodeUtf8 } from "../../../src/core/utf8.ts";
import { decodeMemberTags, encodeMemberTags } from "../../../src/node/gossip/member-tags.ts";

const full: MemberTags = {
  nodeId: "0123456789abcdef0123456789abcdef",
  rpcAddress: "10.0.0.1:50051",
  httpAddress: "[fd00::2]:8080",
  version: "0.2.0",
  logName: "ledger.example/großes-log",
  protocolMin: 1,
  protocolMax: 3,
  replicas: 16,
  writeCopies: "majority",
  canWrite: false,
};

/** 0xff and a map of raws. */
function meta(tags: Readonly<Record<string, string>>): Uint8Array {
  const raw = (text: string): number[] => {
    const bytes = encodeUtf8(text);
    return bytes.length < 32
      ? [0xa0 | bytes.length, ...bytes]
      : [0xda, bytes.length >> 8, bytes.length & 0xff, ...bytes];
  };
  const pairs = Object.entries(tags);
  return Uint8Array.from([
    0xff,
    0x80 | pairs.length,
    ...pairs.flatMap(([name, value]) => [...raw(name), ...raw(value)]),
  ]);
}

describe("encodeMemberTags()", () => {
  test("writes Serf's tags", () => {
    expect(encodeMemberTags(full)).toEqual(
      meta({
        id: "0123456789abcdef0123456789abcdef",
        rpc: "10.0.0.1:50051",
        http: "[fd00::2]:8080",
        v: "0.2.0",
        log: "ledger.example/großes-log",
        p: "1-3",
        r: "16",
        w: "majority",
        cw: "0",
      }),
    );
    expect(encodeMemberTags({})).toEqual(Uint8Array.of(0xff, 0x80));
  });

  test.each([
    ["all", full],
    ["none", {}],
    ["some", { version: "1", logName: "x", canWrite: true }],
  ])("%s of them are read back", (_, tags) => {
    expect(decodeMemberTags(encodeMemberTags(tags))).toEqual(tags);
  });

  test("refuses more than members accept", () => {
    const fitting = { logName: "x".repeat(limits.memberMetaBytesMax - 9) };
    expect(encodeMemberTags(fitting)).toHaveLength(limits.memberMetaBytesMax);
    expect(() => encodeMemberTags({ logName: `${fitting.logName}x` })).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        facts: expect.objectContaining({ reason: "MEMBER_TAGS_TOO_LONG", value: 513, limit: 512 }),
      }),
    );
  });
});

describe("decodeMemberTags()", () => {
  test("leaves out what it does not know, as a Serf agent has it", () => {
    expect(decodeMemberTags(meta({ role: "web", dc: "eu-1" }))).toEqual({});
    expect(decodeMemberTags(meta({ role: "web", v: "9", rpc: "h:1" }))).toEqual({
      version: "9",
      rpcAddress: "h:1",
    });
  });

  test("reads text of the newer msgpack", () => {
    expect(decodeMemberTags(unhex("ff81d90176d90131") ?? new Uint8Array())).toEqual({ version: "1" });
  });

  test.each([
    ["no id", { id: "0123" }],
    ["an id in capitals", { id: "0123456789ABCDEF0123456789ABCDEF" }],
    ["control characters", { rpc: "10.0.0.1:1\u001b[2J", log: "a\nb", v: "\u0000", http: "a\u202eb" }],
    ["nothing", { rpc: "", v: "" }],
    ["no range", { p: "1" }],
    ["a range upside down", { p: "3-1" }],
    ["a range without an end", { p: "1-" }],
    ["no copies", { r: "0", w: "2", cw: "no" }],
    ["too many copies", { r: "17" }],
    ["copies that are no number", { r: "1e1", w: "MAJORITY" }],
    ["huge numbers", { p: "1-99999999999999999999" }],
  ])("leaves out a tag that has %s", (_, tags) => {
    expect(decodeMemberTags(meta(tags))).toEqual({});
  });

  const good = meta({ v: "1" });

  test.each([
    ["empty", new Uint8Array()],
    ["plain text", encodeUtf8("web")],
    ["only the first byte", Uint8Array.of(0xff)],
    ["no map", Uint8Array.of(0xff, 0xa1, 0x76)],
    ["a number for a text", Uint8Array.of(0xff, 0x81, 0xa1, 0x76, 1)],
    ["a map in a map", Uint8Array.of(0xff, 0x81, 0xa1, 0x76, 0x81, 0xa1, 0x76, 0xa1, 0x31)],
    ["more after it", Uint8Array.of(...good, 0)],
    ["a map of 2^32 - 1 pairs", Uint8Array.of(0xff, 0xdf, 255, 255, 255, 255)],
    ["a text of 2^32 - 1 bytes", Uint8Array.of(0xff, 0x81, 0xdb, 255, 255, 255, 255)],
    ["no UTF-8", Uint8Array.of(0xff, 0x81, 0xa1, 0x76, 0xa1, 0xc3)],
    ["too long", meta(Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`k${n}`, "x".repeat(40)])))],
  ])("takes what is %s for no tags", (_, bytes) => {
    expect(decodeMemberTags(bytes)).toEqual({});
  });

  test("never throws, however its bytes are cut or changed", () => {
    const bytes = encodeMemberTags(full);
    for (let at = 0; at < bytes.length; at += 1) {
      expect(decodeMemberTags(bytes.subarray(0, at))).toEqual({});
      for (const value of [0, 0x7f, 0x80, 0xa0, 0xc1, 0xdb, 0xdd, 0xdf, 0xff]) {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        expect(Object.keys(decodeMemberTags(changed)).length).toBeWithin(0, 11);
      }
    }
  });
});
