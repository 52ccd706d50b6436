import { expect, test } from "bun:test";
import { crc32 } from "../../../src/swim/wire/crc32.ts";
import { golden, pattern } from "./golden.ts";

test("crc32() is that of Go", () => {
  expect(golden.crc32.map(({ plain }) => crc32(plain))).toEqual(golden.crc32.map(({ crc }) => crc));
});

test("crc32() is that of the runtime for every length and start", () => {
  const bytes = pattern({ length: 40, seed: 1, alphabet: 256 });
  for (let start = 0; start <= bytes.length; start++)
    expect(crc32(bytes, start)).toBe(Bun.hash.crc32(bytes.subarray(start)));
});
