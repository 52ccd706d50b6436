import { describe, expect, test } from "bun:test";
import {
  compoundOverhead,
  compoundPartOverhead,
  encodeCompound,
  visitParts,
} from "../../../src/swim/wire/compound.ts";

const parts = [Uint8Array.of(1, 2, 3), Uint8Array.of(), new Uint8Array(300).fill(9)];

function split(bytes: Uint8Array): { cutOff: number | undefined; found: Uint8Array[] } {
  const found: Uint8Array[] = [];
  const cutOff = visitParts(bytes, 1, bytes.length, (start, end) => found.push(bytes.slice(start, end)));
  return { cutOff, found };
}

describe("a compound", () => {
  test("is as long as its parts and their overheads", () => {
    expect(encodeCompound(parts)).toHaveLength(compoundOverhead + 3 * compoundPartOverhead + 303);
  });

  test("has its count, the lengths, then the parts", () => {
    expect(encodeCompound([Uint8Array.of(1, 2), Uint8Array.of(3)])).toEqual(
      Uint8Array.of(7, 2, 0, 2, 0, 1, 1, 2, 3),
    );
  });

  test.each([1, 3, 255])("of %p parts gives them back", (count) => {
    const many = Array.from({ length: count }, (_, index) => parts[index % 3] ?? Uint8Array.of());
    expect(split(encodeCompound(many))).toEqual({ cutOff: 0, found: many });
  });

  test("gives the whole parts of what is cut off, and how many are not", () => {
    const bytes = encodeCompound(parts);
    expect(split(bytes.subarray(0, bytes.length - 1))).toEqual({ cutOff: 1, found: parts.slice(0, 2) });
    expect(split(bytes.subarray(0, 9))).toEqual({ cutOff: 3, found: [] });
  });

  test.each([
    ["nothing", []],
    ["fewer lengths than parts", [255, 0, 1, 0, 1]],
    ["half a length", [1, 0]],
  ])("of %s is refused", (_, rest) => {
    expect(split(Uint8Array.of(7, ...rest))).toEqual({ cutOff: undefined, found: [] });
  });

  test("never reads beyond its end", () => {
    const bytes = Uint8Array.of(7, 1, 0, 2, 1, 2, 3);
    expect(visitParts(bytes, 1, 5, () => expect.unreachable())).toBe(1);
    expect(visitParts(bytes, 1, 3, () => expect.unreachable())).toBeUndefined();
    expect(visitParts(bytes, 1, 1, () => expect.unreachable())).toBeUndefined();
  });

  test.each([
    ["no part", []],
    ["256 parts", Array.from({ length: 256 }, () => Uint8Array.of())],
    ["a part of 65,536 bytes", [new Uint8Array(65_536)]],
  ])("of %s is a mistake of this program", (_, wrong) => {
    expect(() => encodeCompound(wrong)).toThrow("assertion failed");
  });
});
