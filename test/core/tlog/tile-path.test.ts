import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatTilePath, parseTilePath, type TilePath } from "../../../src/core/tlog/tile-path.ts";

describe("tile paths", () => {
  test.each<[string, TilePath]>([
    ["tile/0/000", { kind: "hashes", level: 0, index: 0, width: 256 }],
    ["tile/1/x001/x234/067", { kind: "hashes", level: 1, index: 1_234_067, width: 256 }],
    ["tile/63/999.p/255", { kind: "hashes", level: 63, index: 999, width: 255 }],
    ["tile/0/x001/000.p/1", { kind: "hashes", level: 0, index: 1000, width: 1 }],
    ["tile/entries/x001/x234/067", { kind: "entries", index: 1_234_067, width: 256 }],
    ["tile/entries/000.p/112", { kind: "entries", index: 0, width: 112 }],
    [
      "tile/0/x009/x007/x199/x254/x740/991",
      { kind: "hashes", level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 },
    ],
  ])("%s is read and written", (text, path) => {
    expect(parseTilePath(text)).toEqual(path);
    expect(formatTilePath(path)).toBe(text);
  });

  test("what formatTilePath() writes, parseTilePath() reads", () => {
    const index = fc.oneof(fc.nat(2000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
    const width = fc.integer({ min: 1, max: 256 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), index, width, (level, index, width) => {
        for (const path of [
          { kind: "hashes", level, index, width },
          { kind: "entries", index, width },
        ] as const)
          expect(parseTilePath(formatTilePath(path))).toEqual(path);
      }),
    );
  });

  test.each([
    "",
    "tile",
    "tile/0",
    "tile/0/",
    "/tile/0/000",
    "tile/0/000/",
    "tile/00/000",
    "tile/01/000",
    "tile/64/000",
    "tile/100/000",
    "tile/-1/000",
    "tile/+1/000",
    "tile/Entries/000",
    "tile/data/000",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/1000",
    "tile/0/x000/001",
    "tile/0/x000/x000/000",
    "tile/0/x001",
    "tile/0/001/000",
    "tile/0/X001/000",
    "tile/0/x001/x000",
    "tile/0/x009/x007/x199/x254/x740/992",
    "tile/0/x001/x000/x000/x000/x000/x000/000",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p/1000",
    "tile/0/000.p/",
    "tile/0/000.p",
    "tile/0/000.p/1/",
    "tile/0/000.p/1.p/1",
    "tile/0/000.P/1",
    "tile/0/000\n",
    "tile/0/00\u0660",
    "tile/0/%3000",
  ])("parseTilePath() refuses %s", (text) => {
    expect(parseTilePath(text)).toBeUndefined();
  });

  test("parseTilePath() refuses a path without end", () => {
    expect(parseTilePath(`tile/0/${"x001/".repeat(10_000)}000`)).toBeUndefined();
  });
});
