/**
 * Where the complete nodes of a tree are in tiles of height 8: a tile of tile level L holds 256 nodes of level 8 · L,
 * or less at the right edge, and the complete nodes above them. [C2SP tlog-tiles](https://c2sp.org/tlog-tiles)
 *
 * @module
 */

import { assert } from "../assert.ts";

const tileHeight = 8;

/** Where a complete node is among tiles. */
export interface TileNode {
  readonly tileLevel: number;
  readonly tileIndex: number;
  /** Levels above the elements of the tile, which are row 0. */
  readonly row: number;
  /** In its row of this tile. */
  readonly position: number;
}

/** Returns the tile, and the place in it, of the complete node at (`level`, `index`). */
export function tileNode(level: number, index: number): TileNode {
  const row = level % tileHeight;
  const nodesInRow = 2 ** (tileHeight - row);
  return {
    tileLevel: (level - row) / tileHeight,
    tileIndex: Math.floor(index / nodesInRow),
    row,
    position: index % nodesInRow,
  };
}

/**
 * Returns which of the nodes that `Hasher.pyramid` returns of `width` elements is the one at `position` of `row`.
 * Row 0, the elements themselves, is not among them.
 */
export function pyramidOffset(width: number, row: number, position: number): number {
  assert(row >= 1, "a pyramid begins above its elements");
  let offset = 0;
  let nodes = Math.floor(width / 2);
  for (let below = 1; below < row; below += 1) {
    offset += nodes;
    nodes = Math.floor(nodes / 2);
  }
  assert(position >= 0 && position < nodes, "only complete nodes are in a pyramid");
  return offset + position;
}
