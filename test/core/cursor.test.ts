import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import {
  type Cursor,
  encodeResumeToken,
  formatEventId,
  parseEventId,
  parseResumeToken,
} from "../../src/core/cursor.ts";
import { LedgerError } from "../../src/core/errors.ts";
import { hex, unhex } from "../../src/core/hex.ts";

const contentHash = new Uint8Array(32).map((_, i) => 0xf0 + i);
const hashPrefix = contentHash.slice(0, 8);
const refused = expect.objectContaining({
  constructor: LedgerError,
  code: "INVALID_ARGUMENT",
  message: expect.stringMatching(/^the_field /),
  facts: expect.objectContaining({ reason: "CURSOR_INVALID", field: "the_field" }),
});

describe("resume tokens", () => {
  test("encodeResumeToken() writes the sequence and the beginning of the hash", () => {
    expect(hex(encodeResumeToken(258, contentHash))).toBe("0000000000000102f0f1f2f3f4f5f6f7");
  });

  test("encodeResumeToken() of the beginning is all zeros", () => {
    expect(hex(encodeResumeToken(0, undefined))).toBe("0".repeat(32));
  });

  test.each([1, 2 ** 32, 2 ** 53 - 1])(
    "parseResumeToken() reads what was written for sequence %d",
    (sequence) => {
      expect(parseResumeToken(encodeResumeToken(sequence, contentHash), "the_field")).toEqual({
        sequence,
        hashPrefix,
      });
    },
  );

  test("parseResumeToken() reads the beginning, which has no hash", () => {
    expect(parseResumeToken(new Uint8Array(16), "the_field")).toEqual({ sequence: 0 });
  });

  test("parseResumeToken() reads a view and keeps nothing of it", () => {
    const buffer = new Uint8Array(40);
    buffer.set(encodeResumeToken(9, contentHash), 13);
    const cursor = parseResumeToken(buffer.subarray(13, 29), "the_field");
    buffer.fill(0);
    expect(cursor).toEqual({ sequence: 9, hashPrefix });
  });

  test.each([
    ["no bytes", ""],
    ["15 bytes", "00".repeat(15)],
    ["17 bytes", "00".repeat(17)],
    ["a hash at sequence 0", `${"00".repeat(15)}01`],
    ["sequence 2^53", `0020000000000000${"11".repeat(8)}`],
    ["sequence 2^64 − 1", "ff".repeat(16)],
  ])("parseResumeToken() refuses %s", (_name, token) => {
    expect(() => parseResumeToken(unhex(token) ?? new Uint8Array(0), "the_field")).toThrow(refused);
  });
});

describe("event ids", () => {
  test("formatEventId() writes the sequence and 16 digits of the hash", () => {
    expect(formatEventId(42, contentHash)).toBe("42-f0f1f2f3f4f5f6f7");
  });

  test("parseEventId() reads what formatEventId() wrote", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (nat, hash) => {
        const sequence = Math.max(1, nat);
        const cursor = parseEventId(formatEventId(sequence, hash), "the_field");
        expect(cursor).toEqual({ sequence, hashPrefix: hash.slice(0, 8) });
      }),
    );
  });

  const bare: [text: string, cursor: Cursor][] = [
    ["0", { sequence: 0 }],
    ["1", { sequence: 1 }],
    ["9007199254740991", { sequence: 2 ** 53 - 1 }],
    ["9007199254740993", { sequence: Number.POSITIVE_INFINITY, beyond: 2n ** 53n + 1n }],
    ["18446744073709551614", { sequence: Number.POSITIVE_INFINITY, beyond: 2n ** 64n - 2n }],
    ["18446744073709551615", { sequence: "latest" }],
    ["0-0000000000000000", { sequence: 0 }],
  ];
  test.each(bare)("parseEventId() reads %s without a hash", (text, cursor) => {
    expect(parseEventId(text, "the_field")).toEqual(cursor);
  });

  test.each([
    "",
    " 1",
    "1 ",
    "+1",
    "-1",
    "01",
    "00",
    "1e3",
    "0x10",
    "1.0",
    "١",
    "18446744073709551616",
    "99999999999999999999",
    "100000000000000000000",
    "1-",
    "1-f0f1f2f3f4f5f6f",
    "1-f0f1f2f3f4f5f6f70",
    "1-F0F1F2F3F4F5F6F7",
    "0-0000000000000001",
    "9007199254740992-f0f1f2f3f4f5f6f7",
    "18446744073709551615-f0f1f2f3f4f5f6f7",
    "1-f0f1f2f3f4f5f6f7\n",
    "1\n",
  ])("parseEventId() refuses %j, naming the field", (text) => {
    expect(() => parseEventId(text, "the_field")).toThrow(refused);
  });
});
