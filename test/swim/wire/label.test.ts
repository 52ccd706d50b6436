import { describe, expect, test } from "bun:test";
import { labelHeader, startsWithLabel } from "../../../src/swim/wire/label.ts";
import { bytesOf } from "./codec.ts";

describe("a label", () => {
  test("is none if it is empty", () => {
    expect(labelHeader("")).toEqual(Uint8Array.of());
  });

  test("has its length in bytes before it", () => {
    expect(labelHeader("prod")).toEqual(bytesOf(244, 4, "prod"));
    expect(labelHeader("ä")).toEqual(bytesOf(244, 2, "ä"));
    expect(labelHeader("l".repeat(255))).toHaveLength(257);
  });

  test("of 256 bytes is a mistake of this program", () => {
    expect(() => labelHeader("ä".repeat(128))).toThrow("assertion failed");
  });

  test.each<[string, string, Uint8Array, boolean | undefined]>([
    ["ours", "prod", bytesOf(244, 4, "prod", 0), true],
    ["ours and nothing else", "prod", bytesOf(244, 4, "prod"), true],
    ["the beginning of ours", "prod", bytesOf(244, 4, "pr"), undefined],
    ["nothing yet", "prod", bytesOf(), undefined],
    ["another", "prod", bytesOf(244, 4, "test", 0), false],
    ["a longer one", "prod", bytesOf(244, 5, "produ", 0), false],
    ["a shorter one", "prod", bytesOf(244, 3, "pro", 0), false],
    ["an empty one", "prod", bytesOf(244, 0, 0), false],
    ["none", "prod", bytesOf(0, 1, 2), false],
    ["another's, without ours", "", bytesOf(244, 4, "prod", 0), false],
    ["none, without ours", "", bytesOf(0), true],
    ["nothing yet, without ours", "", bytesOf(), undefined],
  ])("startsWithLabel() tells %s", (_, label, bytes, expected) => {
    expect(startsWithLabel(bytes, 0, bytes.length, labelHeader(label))).toBe(expected);
  });
});
