import { decodeEntry } from "../core/entry-wire.ts";
import type { Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import type { SnapshotSummary } from "../core/snapshot/snapshot-format.ts";
import { createSnapshotWriter } from "../core/snapshot/snapshot-writer.ts";
import type { ContextTable } from "./context-table.ts";
import type { Clock, Zstd } from "./ports.ts";
import type { Reader } from "./reader.ts";
import { fromStoreError } from "./store-failure.ts";

/** Bytes of a snapshot in order, then once what they hold. */
export type SnapshotPart =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "summary"; readonly summary: SnapshotSummary; readonly bytes: number };

/** Copies contexts of any size in bounded memory, with a turn of the event loop after every page. */
export class Snapshots {
  readonly #parts: { contexts: ContextTable; reader: Reader; clock: Clock; hasher: Hasher; zstd: Zstd };

  constructor(parts: { contexts: ContextTable; reader: Reader; clock: Clock; hasher: Hasher; zstd: Zstd }) {
    this.#parts = parts;
  }

  /** Copies the entries that are committed now; later ones are not in it. Throws LedgerError. */
  async *snapshot(contextId: string): AsyncGenerator<SnapshotPart, void> {
    const { contexts, reader, clock, hasher, zstd } = this.#parts;
    try {
      const state = await contexts.load(contextId);
      state.pins += 1;
      try {
        const through = state.head?.latest ?? 0;
        const writer = createSnapshotWriter({ contextId, createdAtNs: clock.nowNs(), hasher, zstd });
        const chunker = new Chunker();
        let after = 0;
        while (after < through) {
          const page = await reader.page(state, {
            after,
            through,
            entriesMax: limits.readPageEntries,
            bytesMax: limits.readPageBytes,
          });
          for (const { wire, sequence } of page) {
            chunker.add(writer.add(decodeEntry(wire)));
            after = sequence;
          }
          for (const bytes of chunker.take(limits.snapshotChunkBytes)) yield { kind: "chunk", bytes };
          await clock.yield();
        }
        const { chunks, summary } = writer.finish();
        chunker.add(chunks);
        for (const bytes of chunker.take(1)) yield { kind: "chunk", bytes };
        yield { kind: "summary", summary, bytes: chunker.taken };
      } finally {
        state.pins -= 1;
      }
    } catch (error) {
      throw fromStoreError(error);
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
