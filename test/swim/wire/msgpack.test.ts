import { describe, expect, test } from "bun:test";
import { hex } from "../../../src/core/hex.ts";
import { maxUint32, MsgpackReader } from "../../../src/swim/wire/msgpack-reader.ts";
import { MsgpackWriter } from "../../../src/swim/wire/msgpack-writer.ts";
import { bytesOf } from "./codec.ts";

function over(...parts: readonly (number | string | Uint8Array)[]): MsgpackReader {
  const bytes = bytesOf(...parts);
  return new MsgpackReader().over(bytes, 0, bytes.length);
}

/** Where a reader is, and what it found wrong. */
function outcome({ offset, problem, isFlawed }: MsgpackReader) {
  return { offset, problem, isFlawed };
}

const fine = { problem: undefined, isFlawed: false };
const text300 = "t".repeat(300);

describe("MsgpackWriter", () => {
  test.each<[number, string]>([
    [0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [255, "ccff"],
    [256, "cd0100"],
    [65_535, "cdffff"],
    [65_536, "ce00010000"],
    [maxUint32, "ceffffffff"],
  ])("uint(%p) is the shortest form", (value, expected) => {
    expect(hex(new MsgpackWriter(1).uint(value).copy())).toBe(expected);
  });

  test.each<[number, string]>([
    [0, "a0"],
    [31, "bf"],
    [32, "da0020"],
    [255, "da00ff"],
    [65_535, "daffff"],
    [65_536, "db00010000"],
  ])("text and bytes of length %p are old raws", (length, header) => {
    const bytes = new MsgpackWriter(1).raw(new Uint8Array(length).fill(0x61)).copy();
    expect(hex(bytes.subarray(0, bytes.length - length))).toBe(header);
    expect(new MsgpackWriter(1).text("a".repeat(length)).copy()).toEqual(bytes);
  });

  test("text is UTF-8", () => {
    expect(new MsgpackWriter(1).text("knötchen").copy()).toEqual(bytesOf(0xa9, "knötchen"));
  });

  test("forgets on reset(), and copy() is a copy", () => {
    const writer = new MsgpackWriter(4);
    const first = writer.map(2).bool(true).bool(false).copy();
    expect(writer.reset().byte(1).verbatim(new Uint8Array(30)).copy()).toHaveLength(31);
    expect(hex(first)).toBe("82c3c2");
  });
});

describe("MsgpackReader reads", () => {
  test.each<[string, number]>([
    ["7f", 127],
    ["cc80", 128],
    ["cc05", 5],
    ["cdffff", 65_535],
    ["ceffffffff", maxUint32],
    ["cf00000000ffffffff", maxUint32],
    ["d07f", 127],
    ["d17fff", 32_767],
    ["d27fffffff", 2 ** 31 - 1],
    ["d300000000ffffffff", maxUint32],
    ["c0", 0],
  ])("the integer %s", (bytes, expected) => {
    const reader = over(Buffer.from(bytes, "hex"));
    expect(reader.uint(maxUint32)).toBe(expected);
    expect(outcome(reader)).toEqual({ ...fine, offset: bytes.length / 2 });
  });

  test.each([
    "ff",
    "e0",
    "d080",
    "d18000",
    "d2ffffffff",
    "d3ffffffffffffffff",
    "cf0000000100000000",
    "cfffffffffffffffff",
    "cd0100",
  ])("the integer %s as out of 0 to 255", (bytes) => {
    const reader = over(Buffer.from(bytes, "hex"));
    expect(reader.uint(255)).toBe(0);
    expect(outcome(reader)).toEqual({ problem: undefined, isFlawed: true, offset: bytes.length / 2 });
  });

  test.each(["c2", "ca00000000", "a101", "91", "80", "c1", "c70000"])("no integer from %s", (bytes) => {
    const reader = over(Buffer.from(bytes, "hex"));
    expect(reader.uint(255)).toBe(0);
    expect(reader.problem).toBe("malformed");
  });

  test.each<[number, boolean]>([
    [0xc3, true],
    [0xc2, false],
    [0xc0, false],
    [1, true],
    [0, false],
  ])("the boolean %p", (byte, expected) => {
    const reader = over(byte);
    expect([reader.bool(), reader.problem]).toEqual([expected, undefined]);
  });

  test.each([2, 0xa0, 0x80, 0xff])("no boolean from %p", (byte) => {
    const reader = over(byte);
    expect([reader.bool(), reader.problem]).toEqual([false, "malformed"]);
  });

  const raws: [string, Uint8Array, string][] = [
    ["fixraw", bytesOf(0xa2, "ab"), "ab"],
    ["raw16", bytesOf(0xda, 0, 2, "ab"), "ab"],
    ["raw32", bytesOf(0xdb, 0, 0, 1, 44, text300), text300],
    ["str8", bytesOf(0xd9, 2, "ab"), "ab"],
    ["bin8", bytesOf(0xc4, 2, "ab"), "ab"],
    ["bin16", bytesOf(0xc5, 1, 44, text300), text300],
    ["bin32", bytesOf(0xc6, 0, 0, 0, 2, "ab"), "ab"],
    ["nil", bytesOf(0xc0), ""],
    ["letters beyond ASCII", bytesOf(0xa4, "äöx".slice(0, 2)), "äö"],
    ["a byte-order mark", bytesOf(0xa4, "\ufeffx"), "\ufeffx"],
  ];

  test.each(raws)("%s as text and as bytes", (_, bytes, expected) => {
    const reader = over(bytes);
    expect(reader.text(300)).toBe(expected);
    expect(outcome(reader)).toEqual({ ...fine, offset: bytes.length });
    expect(over(bytes).raw(300)).toEqual(bytesOf(expected));
    expect(over(bytes).view(300)).toEqual(bytesOf(expected));
    const key = over(bytes);
    expect(key.bytes.subarray(key.key(), key.offset)).toEqual(bytesOf(expected));
  });

  test.each(raws)("%s cut off anywhere as short, wanting what is missing", (_, bytes) => {
    for (let length = 0; length < bytes.length; length++) {
      const reader = over(bytes.subarray(0, length));
      expect(reader.text(300)).toBe("");
      expect(reader.problem).toBe("short");
      expect(reader.wanted).toBeGreaterThan(length);
      expect(reader.wanted).toBeLessThanOrEqual(bytes.length);
    }
  });

  test.each(["ff", "c3a4c3", "eda080", "f8"])("no text from the bytes %s", (bytes) => {
    const content = Buffer.from(bytes, "hex");
    const reader = over(0xa0 | content.length, content, 5);
    expect([reader.text(300), reader.uint(9)]).toEqual(["", 5]);
    expect(outcome(reader)).toEqual({ problem: undefined, isFlawed: true, offset: 2 + content.length });
  });

  test("the same text again, and another of the same length", () => {
    const reader = over(0xa3, "one", 0xa3, "two", 0xa3, "one", 0xa2, "é", 0xa2, "é");
    expect([1, 2, 3, 4, 5].map(() => reader.text(9))).toEqual(["one", "two", "one", "é", "é"]);
  });

  test("bytes from an array of integers", () => {
    expect(over(0x93, 1, 0xcc, 200, 0xcd, 0, 255).raw(3)).toEqual(Uint8Array.of(1, 200, 255));
    expect(over(0xdc, 0, 1, 7).raw(3)).toEqual(Uint8Array.of(7));
    expect(over(0xdd, 0, 0, 0, 1, 7).raw(3)).toEqual(Uint8Array.of(7));
  });

  test("too long a value as if it were not there, and what follows it", () => {
    for (const long of [bytesOf(0xa4, "abcd"), bytesOf(0x94, 1, 2, 3, 4)]) {
      const reader = over(long, 5);
      expect([reader.raw(3), reader.uint(9), reader.isFlawed]).toEqual([Uint8Array.of(), 5, true]);
    }
    const reader = over(0xa4, "abcd", 5);
    expect([reader.text(3), reader.uint(9), reader.isFlawed]).toEqual(["", 5, true]);
  });

  test("nothing more after a problem", () => {
    const reader = over(0xc1, 0xa1, "a", 5);
    expect([reader.uint(9), reader.text(9), reader.uint(9), reader.map()]).toEqual([0, "", 0, 0]);
    expect([reader.bool(), reader.raw(9), reader.verbatim(1)]).toEqual([
      false,
      Uint8Array.of(),
      Uint8Array.of(),
    ]);
    expect(reader.problem).toBe("malformed");
  });

  test("the sizes of maps, up to what a message may have", () => {
    expect([over(0x8f).map(), over(0xde, 0, 32).map(), over(0xdf, 0, 0, 0, 3).map()]).toEqual([15, 32, 3]);
    for (const reader of [over(0xde, 0, 33), over(0xdf, 255, 255, 255, 255), over(0x90), over(0xc0)])
      expect([reader.map(), reader.problem]).toEqual([0, "malformed"]);
  });

  test("copies, also from a Buffer", () => {
    for (const length of [1, 24, 25, 300]) {
      const buffer = Buffer.concat([Buffer.of(0xda, length >> 8, length), Buffer.alloc(2 * length, 7)]);
      const reader = new MsgpackReader().over(buffer, 0, buffer.length);
      const copies = [reader.raw(300), reader.verbatim(length)];
      buffer.fill(0);
      expect(copies).toEqual([new Uint8Array(length).fill(7), new Uint8Array(length).fill(7)]);
    }
  });
});

describe("MsgpackReader skips", () => {
  test.each([
    "7f",
    "ff",
    "c0",
    "c2",
    "c3",
    "c402aabb",
    "c50001aa",
    "c600000001aa",
    "c70105aa",
    "c8000105aa",
    "c90000000105aa",
    "ca00000000",
    "cb0000000000000000",
    "cc00",
    "cd0000",
    "ce00000000",
    "cf0000000000000000",
    "d000",
    "d10000",
    "d200000000",
    "d30000000000000000",
    "d405aa",
    "d505aabb",
    "d605aabbccdd",
    "d7050000000000000000",
    "d80500000000000000000000000000000000",
    "d901aa",
    "da0001aa",
    "db00000001aa",
    "a2ffff",
    "80",
    "82a161a16201c0",
    "90",
    "93010203",
    "dc0001a0",
    "dd00000001a0",
    "de00010102",
    "df000000010102",
    "9191919181a16190",
  ])("%s, and nothing of what follows", (bytes) => {
    const value = Buffer.from(bytes, "hex");
    const reader = over(0x80, value, 42);
    reader.map();
    reader.skip();
    expect([reader.uint(99), reader.problem, reader.isFlawed]).toEqual([42, undefined, false]);
    for (let length = 0; length < value.length; length++) {
      const short = over(0x80, value.subarray(0, length));
      short.map();
      short.skip();
      expect(short.problem).toBe("short");
      expect(short.wanted).toBeLessThanOrEqual(1 + value.length);
    }
  });

  test("no reserved byte, and not more elements in one map than any message needs", () => {
    const many = bytesOf(0xdc, 4, 0, new Uint8Array(1024));
    const enough = over(0x80, many);
    enough.map();
    enough.skip();
    expect(enough.problem).toBeUndefined();
    for (const wrong of [
      bytesOf(0xc1),
      bytesOf(0xdc, 4, 1, new Uint8Array(1025)),
      bytesOf(0xdd, 255, 255, 255, 255),
      bytesOf(0xdf, 255, 255, 255, 255),
      bytesOf(0x92, many, many),
      new Uint8Array(2000).fill(0x91),
    ]) {
      const reader = over(0x80, wrong);
      reader.map();
      reader.skip();
      expect(reader.problem).toBe("malformed");
    }
  });
});
