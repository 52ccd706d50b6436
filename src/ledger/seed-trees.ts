import { LedgerError } from "../core/errors.ts";
import { hashBytes, type Hash, type Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import { inclusionPath } from "../core/merkle/inclusion-proof.ts";
import { legacyLeaf } from "../core/merkle/legacy-leaf.ts";
import { completeParts, type NodeRef, nodeHash, rootRef } from "../core/merkle/node-ref.ts";
import { pyramidOffset, tileNode } from "../core/merkle/tile-shape.ts";
import { subtreeWidth } from "./completed-subtrees.ts";
import type { ContextState } from "./context-state.ts";
import { decodeStored } from "./decode-stored.ts";
import type { Inclusion } from "./integrity.ts";
import type { Clock } from "./ports.ts";
import type { Reader } from "./reader.ts";

/**
 * Trees in the shape of the first implementation, computed from the entries each time: O(n) work, in turns of one page;
 * memory is a hash for every 256 entries and the leaves of two tiles. One is computed at a time.
 */
export class SeedTrees {
  readonly #parts: { readonly reader: Reader; readonly hasher: Hasher; readonly clock: Clock };
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(parts: { readonly reader: Reader; readonly hasher: Hasher; readonly clock: Clock }) {
    this.#parts = parts;
  }

  /** Returns the root over the first `size` entries. Rejects with LedgerError or StoreError. */
  async root(state: ContextState, size: number): Promise<Hash> {
    if (size === 0) return this.#parts.hasher.sha256(new Uint8Array(0));
    const [root] = await this.#inTurn(() => this.#nodes(state, size, [rootRef(size, "seed")], 0));
    return root ?? new Uint8Array(0);
  }

  /** Proves the entry at `index` in the tree over the first `size` entries, of which it is one. */
  async inclusion(state: ContextState, index: number, size: number): Promise<Inclusion> {
    const refs = [{ level: 0, index }, rootRef(size, "seed"), ...inclusionPath(index, size, "seed")];
    const [leaf, root, ...hashes] = await this.#inTurn(() => this.#nodes(state, size, refs, index));
    const none = new Uint8Array(0);
    return { index, size, leaf: leaf ?? none, root: root ?? none, hashes };
  }

  /** Throws UNAVAILABLE if too many wait. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= limits.seedTreesWaitingMax) throw tooManyWait();
    this.#waiting += 1;
    const result = this.#last.then(work).finally(() => (this.#waiting -= 1));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Returns the hashes of nodes whose parts below level 8 lie in the tile of `index` or in the last one. */
  async #nodes(
    state: ContextState,
    size: number,
    refs: readonly NodeRef[],
    index: number,
  ): Promise<readonly Hash[]> {
    const tiles = await this.#tiles(state, size, index);
    const { hasher } = this.#parts;
    return refs.map((ref) => {
      const parts = completeParts(ref, size).map((part) => tiles.hash(part));
      return nodeHash(ref, size, parts, "seed", hasher);
    });
  }

  async #tiles(state: ContextState, size: number, index: number): Promise<SeedTiles> {
    const tiles = new SeedTiles(this.#parts.hasher, size, index);
    let leaves: Hash[] = [];
    for (let after = 0; after < size;) {
      const page = await this.#parts.reader.page(state, {
        after,
        through: size,
        entriesMax: limits.readPageEntries,
        bytesMax: limits.readPageBytes,
      });
      for (const entry of page) {
        leaves.push(legacyLeaf(state.id, decodeStored(entry), this.#parts.hasher));
        after = entry.sequence;
        if (leaves.length < subtreeWidth && after < size) continue;
        tiles.add(leaves);
        leaves = [];
      }
      await this.#parts.clock.yield();
    }
    return tiles;
  }
}

function tooManyWait(): LedgerError {
  const waiting = limits.seedTreesWaitingMax;
  return new LedgerError("UNAVAILABLE", `${waiting} calls wait for trees of the seed profile`, {
    reason: "OVERLOADED",
    field: "profile",
    limit: waiting,
    remedy: "ask again later, or ask for the rfc6962 profile",
    retryAfterMs: 1000,
  });
}

/** What is kept of the leaves: the root of every full tile, and two tiles whole. */
class SeedTiles {
  readonly #hasher: Hasher;
  readonly #roots: Uint8Array;
  /** Packed leaves and the nodes above them, by the index of the tile. */
  readonly #whole = new Map<number, { width: number; nodes: Uint8Array }>();
  readonly #wanted: ReadonlySet<number>;
  /** The roots of the tiles and the levels above them, once they were asked for. */
  readonly #upper: Uint8Array[] = [];
  #added = 0;

  constructor(hasher: Hasher, size: number, index: number) {
    this.#hasher = hasher;
    this.#roots = new Uint8Array(hashBytes * Math.floor(size / subtreeWidth));
    this.#wanted = new Set([Math.floor(index / subtreeWidth), Math.floor(size / subtreeWidth)]);
  }

  /** Takes the leaves of the next tile. */
  add(leaves: readonly Hash[]): void {
    const tile = this.#added;
    this.#added += 1;
    const packed = new Uint8Array(hashBytes * leaves.length);
    for (const [i, leaf] of leaves.entries()) packed.set(leaf, hashBytes * i);
    const above = this.#hasher.pyramid(packed, "seed");
    if (leaves.length === subtreeWidth) this.#roots.set(above.subarray(-hashBytes), hashBytes * tile);
    if (!this.#wanted.has(tile)) return;
    const nodes = new Uint8Array(packed.length + above.length);
    nodes.set(packed);
    nodes.set(above, packed.length);
    this.#whole.set(tile, { width: leaves.length, nodes });
  }

  /** Returns the hash of a complete node. */
  hash({ level, index }: NodeRef): Hash {
    const levelsPerTile = 8;
    if (level >= levelsPerTile) return this.#above(level - levelsPerTile, index);
    const { tileIndex, row, position } = tileNode(level, index);
    const tile = this.#whole.get(tileIndex);
    const width = tile?.width ?? 0;
    const at = row === 0 ? position : width + pyramidOffset(width, row, position);
    return (tile?.nodes ?? this.#roots).slice(hashBytes * at, hashBytes * (at + 1));
  }

  /** Returns a node `rows` levels above the roots of the tiles. */
  #above(rows: number, index: number): Hash {
    const levels = this.#upper;
    if (levels.length === 0) levels.push(this.#roots);
    while (levels.length <= rows) levels.push(this.#hasher.parents(levels.at(-1) ?? this.#roots, "seed"));
    const level = levels[rows] ?? this.#roots;
    return level.slice(hashBytes * index, hashBytes * (index + 1));
  }
}
