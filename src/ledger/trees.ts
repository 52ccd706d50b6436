/**
 * The nodes of stored RFC 6962 trees, read in tiles of 256: a proof costs a few tiles, whatever the size of the log.
 *
 * @module
 */

import { hashBytes, type Hash, type Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import { consistencyPath } from "../core/merkle/consistency-proof.ts";
import { type Frontier, frontierRoot, oneBits } from "../core/merkle/frontier.ts";
import { inclusionPath } from "../core/merkle/inclusion-proof.ts";
import { completeParts, type NodeRef, nodeHash, rootRef } from "../core/merkle/node-ref.ts";
import type { NodeRun } from "../core/merkle/range-diff.ts";
import { pyramidOffset, tileNode } from "../core/merkle/tile-shape.ts";
import { subtreeWidth } from "./completed-subtrees.ts";
import { entryMissing } from "./data-loss.ts";
import type { NewSubtree, Store } from "./ports.ts";

export interface TreesParts {
  readonly store: Pick<Store, "contentHashes" | "subtreeRoots">;
  readonly hasher: Hasher;
  /** Gives other work of the event loop its turn. */
  readonly turn: () => Promise<void>;
  /** Takes roots of full subtrees that the store did not have. */
  readonly found: (subtrees: readonly NewSubtree[]) => void;
}

/** Tiles that are computed between two turns of the event loop. */
const tilesPerTurn = 16;

/** The first `size` leaves of one log. */
export interface TreeAt {
  readonly log: number;
  readonly size: number;
}

/** A tile: its `width` elements, and the complete nodes above them as `Hasher.pyramid` returns them. */
interface TileNodes {
  readonly width: number;
  readonly elements: Uint8Array;
  readonly above: Uint8Array;
}

export class Trees {
  readonly #parts: TreesParts;
  /** What a tile has never changes: only more is added. The least recently used is first. */
  readonly #tiles = new Map<string, TileNodes>();
  /** How often rows of any log have changed: what was read before is not remembered after. */
  #changes = 0;

  constructor(parts: TreesParts) {
    this.#parts = parts;
  }

  /** Gives other work of the event loop its turn, between two of many proofs. */
  turn(): Promise<void> {
    return this.#parts.turn();
  }

  /** Returns the roots of the perfect subtrees that cover the leaves. Throws DATA_LOSS if one cannot be told. */
  async frontier(tree: TreeAt): Promise<Frontier> {
    if (tree.size === 0) return { size: 0, subtrees: new Uint8Array(0) };
    const parts = completeParts(rootRef(tree.size, "rfc6962"), tree.size);
    const hashes = await this.#complete(tree, parts);
    const subtrees = new Uint8Array(hashBytes * oneBits(tree.size));
    for (const [index, hash] of hashes.entries()) subtrees.set(hash, hashBytes * index);
    return { size: tree.size, subtrees };
  }

  async root(tree: TreeAt): Promise<Hash> {
    return frontierRoot(await this.frontier(tree), "rfc6962", this.#parts.hasher);
  }

  /** Returns the leaf at `index` and the hashes that prove it, from its sibling upwards. */
  async inclusion(tree: TreeAt, index: number): Promise<{ leaf: Hash; hashes: Hash[] }> {
    const leafRef: NodeRef = { level: 0, index };
    const [leaf, ...hashes] = await this.#nodes(tree, [
      leafRef,
      ...inclusionPath(index, tree.size, "rfc6962"),
    ]);
    return { leaf: leaf ?? new Uint8Array(0), hashes };
  }

  /** Returns the hashes that prove that the first `first` leaves were there before the others. */
  consistency(tree: TreeAt, first: number): Promise<Hash[]> {
    return first === 0 ? Promise.resolve([]) : this.#nodes(tree, consistencyPath(first, tree.size));
  }

  /** Returns the packed elements of a tile: roots of full subtrees of 256^`level` leaves. */
  async tile(tree: TreeAt, level: number, index: number, width: number): Promise<Uint8Array> {
    const tile = await this.#tile(tree, level, index);
    return tile.elements.subarray(0, hashBytes * width);
  }

  /** Returns the packed hashes of neighbouring complete nodes, run after run. */
  async runs(tree: TreeAt, runs: readonly NodeRun[]): Promise<Uint8Array> {
    const refs = runs.flatMap(({ level, first, count }) =>
      Array.from({ length: count }, (_, index): NodeRef => ({ level, index: first + index })),
    );
    const hashes = await this.#complete(tree, refs);
    const packed = new Uint8Array(hashBytes * hashes.length);
    for (const [index, hash] of hashes.entries()) packed.set(hash, hashBytes * index);
    return packed;
  }

  /** Forgets the tiles of a log whose rows have changed. */
  forget(log: number): void {
    this.#changes += 1;
    for (const key of this.#tiles.keys()) if (key.startsWith(`${log}/`)) this.#tiles.delete(key);
  }

  async #nodes(tree: TreeAt, refs: readonly NodeRef[]): Promise<Hash[]> {
    const parts = refs.map((ref) => completeParts(ref, tree.size));
    const hashes = await this.#complete(tree, parts.flat());
    let at = 0;
    return refs.map((ref, i) => {
      const count = parts[i]?.length ?? 0;
      at += count;
      return nodeHash(ref, tree.size, hashes.slice(at - count, at), "rfc6962", this.#parts.hasher);
    });
  }

  /** Returns the hashes of complete nodes, reading each tile once. */
  async #complete(tree: TreeAt, refs: readonly NodeRef[]): Promise<Hash[]> {
    const tiles = new Map<string, TileNodes>();
    const hashes: Hash[] = [];
    for (const { level, index } of refs) {
      const { tileLevel, tileIndex, row, position } = tileNode(level, index);
      const key = `${tileLevel}/${tileIndex}`;
      const tile = tiles.get(key) ?? (await this.#tile(tree, tileLevel, tileIndex));
      tiles.set(key, tile);
      const source = row === 0 ? tile.elements : tile.above;
      const at = row === 0 ? position : pyramidOffset(tile.width, row, position);
      hashes.push(source.slice(hashBytes * at, hashBytes * (at + 1)));
    }
    return hashes;
  }

  /** Returns the tile as far as the tree fills it. */
  async #tile({ log, size }: TreeAt, level: number, index: number): Promise<TileNodes> {
    const elements = Math.floor(size / subtreeWidth ** level);
    const width = Math.min(subtreeWidth, elements - index * subtreeWidth);
    const key = `${log}/${level}/${index}/${width}`;
    const known = this.#tiles.get(key);
    if (known !== undefined) {
      this.#tiles.delete(key);
      this.#tiles.set(key, known);
      return known;
    }
    const changes = this.#changes;
    const tile = await this.#read({ log, size }, level, index, width);
    if (changes === this.#changes) this.#remember(key, tile);
    return tile;
  }

  async #read(tree: TreeAt, level: number, index: number, width: number): Promise<TileNodes> {
    const { store, hasher } = this.#parts;
    const first = index * subtreeWidth;
    const stored =
      level === 0
        ? await store.contentHashes(tree.log, first + 1, width)
        : await store.subtreeRoots(tree.log, level, first, width);
    const known = stored.length / hashBytes;
    if (known < width && level === 0) throw entryMissing(first + known + 1);
    const elements = known === width ? stored : await this.#computeMissing(tree, level, first, width, stored);
    return { width, elements, above: hasher.pyramid(elements, "rfc6962") };
  }

  /** Files of older versions have no subtrees, and a crash of the disk may have lost some. */
  async #computeMissing(
    tree: TreeAt,
    level: number,
    first: number,
    width: number,
    stored: Uint8Array,
  ): Promise<Uint8Array> {
    const elements = new Uint8Array(hashBytes * width);
    elements.set(stored);
    const found: NewSubtree[] = [];
    const changes = this.#changes;
    for (let i = stored.length / hashBytes; i < width; i += 1) {
      // Not remembered: there may be many, and nobody has asked for what is in them.
      const { above } = await this.#read(tree, level - 1, first + i, subtreeWidth);
      if (i % tilesPerTurn === 0) await this.#parts.turn();
      const root = above.slice(-hashBytes);
      elements.set(root, hashBytes * i);
      found.push({ log: tree.log, level, index: first + i, root });
    }
    if (changes === this.#changes) this.#parts.found(found);
    return elements;
  }

  #remember(key: string, tile: TileNodes): void {
    this.#tiles.set(key, tile);
    if (this.#tiles.size <= limits.tilesCachedMax) return;
    for (const oldest of this.#tiles.keys()) {
      this.#tiles.delete(oldest);
      return;
    }
  }
}
