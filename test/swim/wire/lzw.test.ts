import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { hex } from "../../../src/core/hex.ts";
import { inflateLzw } from "../../../src/swim/wire/lzw.ts";
import { deflateLzw } from "./deflate-lzw.ts";
import { golden, pattern } from "./golden.ts";

describe("LZW is Go's", () => {
  test.each(golden.lzw)("for $length bytes of $alphabet kinds", (one) => {
    const compressed = deflateLzw(one.plain);
    expect([compressed.length, createHash("sha256").update(compressed).digest("hex")]).toEqual([
      one.compressedLength,
      one.sha256,
    ]);
    expect(one.bytes ?? hex(compressed)).toBe(hex(compressed));
    expect(inflateLzw(compressed, one.length)).toEqual(one.plain);
  });
});

describe("inflateLzw()", () => {
  const plain = pattern({ length: 1000, seed: 3, alphabet: 5 });
  const compressed = deflateLzw(plain);

  test("gives the same bytes when an earlier call left its codes behind", () => {
    inflateLzw(deflateLzw(pattern({ length: 9000, seed: 4, alphabet: 256 })), 9000);
    expect(inflateLzw(compressed, 1000)).toEqual(plain);
  });

  test("passes over what follows the end", () => {
    expect(inflateLzw(Uint8Array.from([...compressed, 1, 2, 3]), 1000)).toEqual(plain);
  });

  test("refuses what is more than allowed, whatever is allowed", () => {
    for (const bytesMax of [0, 1, 2, 500, 999]) expect(inflateLzw(compressed, bytesMax)).toBe("too-large");
    const bomb = deflateLzw(new Uint8Array(8_000_000));
    expect(bomb.length).toBeLessThan(20_000);
    expect(inflateLzw(bomb, 1_000_000)).toBe("too-large");
  });

  test("refuses what is cut off anywhere", () => {
    for (let length = 0; length < compressed.length; length++)
      expect(inflateLzw(compressed.subarray(0, length), 1000)).toBeUndefined();
  });

  test.each([
    ["a code that is not defined yet", codes(256, 258)],
    ["a code beyond the next", codes(256, 65, 259)],
    ["a code of before the last clear", codes(256, 65, 66, 256, 258)],
  ])("refuses %s", (_, bytes) => {
    expect(inflateLzw(bytes, 1000)).toBeUndefined();
  });

  test("reads the code that is only just being defined", () => {
    expect(inflateLzw(codes(256, 65, 258, 257), 1000)).toEqual(Uint8Array.of(65, 65, 65));
  });
});

/** Returns codes of nine bits each. */
function codes(...values: readonly number[]): Uint8Array {
  const bits = [...values, 0].flatMap((code) => Array.from({ length: 9 }, (_, bit) => (code >> bit) & 1));
  return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, byte) =>
    bits.slice(byte * 8, byte * 8 + 8).reduce((sum, bit, index) => sum | (bit << index), 0),
  );
}
