import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { decodeUtf8, encodeUtf8, utf8Length, writeUtf8 } from "../../src/core/utf8.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({ unit: "binary-ascii", minLength: 60, maxLength: 70 }),
);

test("utf8Length(), encodeUtf8() and writeUtf8() agree with Buffer on any well-formed text", () => {
  fc.assert(
    fc.property(text, fc.nat(9), (value, offset) => {
      const expected = Buffer.from(value);
      const target = new Uint8Array(offset + expected.length + 3).fill(0x55);
      const end = writeUtf8(target, offset, value);
      expect([utf8Length(value), end]).toEqual([expected.length, offset + expected.length]);
      expect(Buffer.compare(encodeUtf8(value), expected)).toBe(0);
      const rest = Buffer.from([0x55, 0x55, 0x55]);
      expect(Buffer.compare(target, Buffer.concat([Buffer.alloc(offset, 0x55), expected, rest]))).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test("utf8Length() counts a lone surrogate as three bytes, so that limits hold before text is refused", () => {
  expect(["\ud800", "\udc00", "a\ud800b", "\ud800\ud800\udc00", "\udc00\ud800"].map(utf8Length)).toEqual([
    3, 3, 5, 7, 6,
  ]);
});

test("writeUtf8() fails instead of cutting text that does not fit", () => {
  const tight = ["é", "e".repeat(65), "😀"].map(
    (value) => () => writeUtf8(new Uint8Array(utf8Length(value) - 1), 0, value),
  );
  for (const write of tight) expect(write).toThrow("assertion failed");
});

describe("decodeUtf8()", () => {
  test("gives back any well-formed text, with its byte-order mark", () => {
    fc.assert(
      fc.property(text, (value) => expect(decodeUtf8(encodeUtf8(`\ufeff${value}`))).toBe(`\ufeff${value}`)),
    );
  });

  test.each([
    ["a byte that begins nothing", [0xff]],
    ["a continuation byte alone", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["an overlong zero", [0xe0, 0x80, 0x80]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a pair of surrogates", [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ["a code point over U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a character cut off", [0xf0, 0x9f, 0x98]],
  ])("refuses %s", (_name, bytes) => {
    expect(() => decodeUtf8(new Uint8Array(bytes))).toThrow(TypeError);
  });
});
