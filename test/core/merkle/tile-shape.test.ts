import { describe, expect, test } from "bun:test";

import { hashBytes } from "../../../src/core/hasher.ts";
import { hex } from "../../../src/core/hex.ts";
import { pyramidOffset, tileNode, type TileNode } from "../../../src/core/merkle/tile-shape.ts";
import { naiveTree, numberedLeaves } from "./naive-tree.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";

const hasher = await loadHasher();

describe("tileNode()", () => {
  test.each<[level: number, index: number, node: TileNode]>([
    [0, 0, { tileLevel: 0, tileIndex: 0, row: 0, position: 0 }],
    [0, 255, { tileLevel: 0, tileIndex: 0, row: 0, position: 255 }],
    [0, 256, { tileLevel: 0, tileIndex: 1, row: 0, position: 0 }],
    [7, 3, { tileLevel: 0, tileIndex: 1, row: 7, position: 1 }],
    [8, 3, { tileLevel: 1, tileIndex: 0, row: 0, position: 3 }],
    [12, 35, { tileLevel: 1, tileIndex: 2, row: 4, position: 3 }],
    [0, Number.MAX_SAFE_INTEGER, { tileLevel: 0, tileIndex: 2 ** 45 - 1, row: 0, position: 255 }],
  ])("of level %d, index %d is %j", (level, index, node) => {
    expect(tileNode(level, index)).toEqual(node);
  });
});

describe("pyramidOffset()", () => {
  test("finds every complete node above tiles of every width in what pyramid() returns", () => {
    const leaves = numberedLeaves(256);
    const naive = naiveTree("rfc6962", leaves);
    for (let width = 1; width <= 256; width += 1) {
      const pyramid = hasher.pyramid(Buffer.concat(leaves.slice(0, width)), "rfc6962");
      let nodes = 0;
      for (let row = 1; row <= 8; row += 1)
        for (let position = 0; position < Math.floor(width / 2 ** row); position += 1) {
          const at = hashBytes * pyramidOffset(width, row, position);
          expect(at).toBe(hashBytes * nodes);
          nodes += 1;
          if (width % 17 !== 0 && width !== 256) continue;
          const node = naive.node({ level: row, index: position }, width);
          expect(hex(pyramid.subarray(at, at + hashBytes))).toBe(hex(node));
        }
      expect(pyramid.length).toBe(hashBytes * nodes);
    }
  });

  test.each([
    [256, 0, 0],
    [256, 1, 128],
    [5, 1, 2],
    [5, 3, 0],
    [256, 9, 0],
    [256, 1, -1],
  ])("refuses what no pyramid of %d elements has: row %d, position %d", (width, row, position) => {
    expect(() => pyramidOffset(width, row, position)).toThrow("assertion failed");
  });
});
