import { ByteWriter } from "../core/byte-writer.ts";
import { writeRecord } from "../core/entry.ts";
import { LedgerError } from "../core/errors.ts";
import { hashBytes, type Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { subtreeWidth } from "./completed-subtrees.ts";
import type { ContextState } from "./context-state.ts";
import { entryDamaged } from "./data-loss.ts";
import { decodeStored } from "./decode-stored.ts";
import type { Tile } from "./integrity.ts";
import { type Clock, nodeLogId, type StoredEntry } from "./ports.ts";
import type { Reader } from "./reader.ts";
import type { Trees } from "./trees.ts";

export interface LogTilesParts {
  readonly trees: Trees;
  readonly checkpoints: Checkpoints;
  readonly reader: Reader;
  readonly hasher: Hasher;
  readonly clock: Clock;
}

/** Tiles and entry bundles as [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) serves them, up to the size that was signed last. */
export class LogTiles {
  readonly #parts: LogTilesParts;

  constructor(parts: LogTilesParts) {
    this.#parts = parts;
  }

  /** Returns `width` packed hashes of a tile. Rejects with NOT_FOUND if not so many were signed. */
  async tile(
    state: ContextState,
    { level, index, width }: { level: number; index: number; width: number },
  ): Promise<Tile> {
    const tree = { log: state.head?.log ?? 0, size: await this.#signedSize(state) };
    checkSigned(Math.floor(tree.size / subtreeWidth ** level), index, width);
    const bytes = await this.#parts.trees.tile(tree, level, index, width);
    return { bytes: bytes.slice(0, hashBytes * width), isFull: width === subtreeWidth };
  }

  /** Returns `width` records of a bundle, each with its u16 length in front. Rejects with NOT_FOUND if not so many were signed. */
  async entryBundle(state: ContextState, { index, width }: { index: number; width: number }): Promise<Tile> {
    checkSigned(await this.#signedSize(state), index, width);
    const bundle = new ByteWriter(64 * 1024);
    const first = index * subtreeWidth;
    for (let after = first; after < first + width;) {
      const page = await this.#parts.reader.page(state, {
        after,
        through: first + width,
        entriesMax: limits.readPageEntries,
        bytesMax: limits.readPageBytes,
      });
      for (const entry of page) {
        const record = entryRecord(state.id, entry, this.#parts.hasher);
        bundle
          .u8(record.length >> 8)
          .u8(record.length & 0xff)
          .raw(record);
        after = entry.sequence;
      }
      await this.#parts.clock.yield();
    }
    return { bytes: bundle.copy(), isFull: width === subtreeWidth };
  }

  async #signedSize(state: ContextState): Promise<number> {
    return (await this.#parts.checkpoints.signed(state))?.size ?? 0;
  }
}

/** Returns the bytes that, after a 0x00, hash to a stored entry's leaf. Throws DATA_LOSS if they do not. */
export function entryRecord(contextId: string, entry: StoredEntry, hasher: Hasher): Uint8Array {
  const leaf = new ByteWriter(512).u8(0);
  if (contextId === nodeLogId) leaf.raw(entry.wire);
  else {
    const decoded = decodeStored(entry);
    writeRecord(leaf, contextId, decoded, hasher.sha256(decoded.payload));
  }
  const hash = hasher.sha256(leaf.view());
  if (!hash.every((byte, i) => byte === entry.contentHash[i])) throw entryDamaged(entry.sequence);
  return leaf.copy().subarray(1);
}

function checkSigned(elements: number, index: number, width: number): void {
  if (index * subtreeWidth + width <= elements) return;
  throw new LedgerError("NOT_FOUND", `the signed log has ${elements} elements on this level`, {
    reason: "TILE_NOT_SIGNED",
    value: index * subtreeWidth + width,
    limit: elements,
    remedy: "fetch a checkpoint, and only the tiles of its size",
  });
}
