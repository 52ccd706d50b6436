import type { Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import type { SnapshotSummary } from "../core/snapshot/snapshot-format.ts";
import { createSnapshotWriter } from "../core/snapshot/snapshot-writer.ts";
import type { ContextState } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import { entryDamaged } from "./data-loss.ts";
import type { Clock, StoredEntry, Zstd } from "./ports.ts";
import type { Reader } from "./reader.ts";
import { fromStoreError } from "./store-failure.ts";

/** What clients are told of a snapshot. */
export type SnapshotFacts = Pick<
  SnapshotSummary,
  "createdAtNs" | "count" | "latestSequence" | "root" | "seedRoot"
>;

/** Bytes of a snapshot in order, then once what they hold. */
export type SnapshotPart<Summary extends SnapshotFacts = SnapshotFacts> =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "summary"; readonly summary: Summary; readonly bytes: number };

interface SnapshotsParts {
  readonly contexts: ContextTable;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly zstd: Zstd;
}

/** Copies contexts of any size in bounded memory, with a turn of the event loop after every page. */
export class Snapshots {
  readonly #parts: SnapshotsParts;

  constructor(parts: SnapshotsParts) {
    this.#parts = parts;
  }

  /**
   * Copies the entries that are committed now; later ones are not in it. Throws LedgerError: DATA_LOSS if an
   * entry is not what was appended.
   */
  async *snapshot(contextId: string): AsyncGenerator<SnapshotPart<SnapshotSummary>, void> {
    const { contexts } = this.#parts;
    try {
      const state = await contexts.load(contextId);
      state.pins += 1;
      try {
        yield* this.#copy(state);
      } finally {
        state.pins -= 1;
      }
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  async *#copy(state: ContextState): AsyncGenerator<SnapshotPart<SnapshotSummary>, void> {
    const { clock, hasher, zstd } = this.#parts;
    const createdAtNs = clock.nowNs();
    const writer = createSnapshotWriter({ contextId: state.id, createdAtNs, hasher, damaged: entryDamaged });
    const chunker = new Chunker();
    /** Blocks that are being compressed while the next one is read. */
    const waiting: { readonly frame: Promise<Uint8Array>; readonly plainBytes: number }[] = [];

    function compress(blocks: readonly Uint8Array[]): void {
      for (const block of blocks) {
        const frame = zstd.compress(block);
        // Whoever takes it learns of a failure; if the snapshot ends before, nobody need.
        frame.catch(() => {});
        waiting.push({ frame, plainBytes: block.length });
      }
    }

    async function takeUntil(left: number): Promise<void> {
      while (waiting.length > left) {
        const block = waiting.shift();
        if (block !== undefined) chunker.add(writer.compressed(await block.frame, block.plainBytes));
      }
    }

    chunker.add(writer.begin());
    for await (const page of this.#pages(state)) {
      compress(writer.add(page));
      await takeUntil(limits.snapshotBlocksCompressedMax - 1);
      for (const bytes of chunker.take(limits.snapshotChunkBytes)) yield { kind: "chunk", bytes };
    }
    compress(writer.rest());
    await takeUntil(0);
    const { chunks, summary } = writer.finish();
    chunker.add(chunks);
    for (const bytes of chunker.take(1)) yield { kind: "chunk", bytes };
    yield { kind: "summary", summary, bytes: chunker.taken };
  }

  async *#pages(state: ContextState): AsyncGenerator<readonly StoredEntry[], void> {
    const through = state.head?.latest ?? 0;
    const bounds = { entriesMax: limits.snapshotTurnEntries, bytesMax: limits.readPageBytes };
    for (let after = 0; after < through;) {
      const page = await this.#parts.reader.page(state, { after, through, ...bounds });
      yield page;
      after += page.length;
      await this.#parts.clock.yield();
    }
  }
}

/** Joins small pieces and cuts large ones, so that every chunk is at most `snapshotChunkBytes`. */
class Chunker {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  taken = 0;

  add(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
    }
  }

  /** Returns chunks if at least `bytesMin` bytes wait, else none. */
  take(bytesMin: number): Uint8Array[] {
    if (this.#bytes < bytesMin) return [];
    const all = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#bytes = 0;
    this.taken += all.length;
    const chunks: Uint8Array[] = [];
    for (let start = 0; start < all.length; start += limits.snapshotChunkBytes) {
      chunks.push(all.subarray(start, start + limits.snapshotChunkBytes));
    }
    return chunks;
  }
}
