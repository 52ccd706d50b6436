import { expect, test } from "bun:test";
import { firstHeaderBlock, laterHeaderBlock } from "../../scripts/bench/run/hpack.ts";

test("firstHeaderBlock() writes the literal of RFC 7541, C.2.1", () => {
  expect(Buffer.from(firstHeaderBlock([["custom-key", "custom-header"]])).toString("hex")).toBe(
    "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
  );
});

test("laterHeaderBlock() refers to the dynamic table, where the last header has the lowest index", () => {
  const headers = [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
  ] as const;
  expect([...laterHeaderBlock(headers)]).toEqual([0x80 | 64, 0x80 | 63, 0x80 | 62]);
});

test("firstHeaderBlock() refuses a value whose length needs more than one byte", () => {
  expect(() => firstHeaderBlock([["a", "x".repeat(127)]])).toThrow("127 bytes");
});
