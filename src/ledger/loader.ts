/**
 * Restoring snapshots: verify and stage in one pass, publish in one transaction.
 *
 * A snapshot is compared with what exists as long as there is something to compare; from the first
 * entry beyond it, rows are staged under a fresh log number that no head names. Publishing makes the
 * context's head name that log, if the head is still the one the load began with.
 *
 * @module
 */

import { encodeResumeToken } from "../core/cursor.ts";
import { copiedId } from "../core/entry-id.ts";
import { decodeEntry } from "../core/entry-wire.ts";
import { contentHash, type Entry, recordBytes } from "../core/entry.ts";
import { quote } from "../core/errors.ts";
import type { Hash, Hasher } from "../core/hasher.ts";
import type { Inflate } from "../core/inflate.ts";
import { limits } from "../core/limits.ts";
import type { SnapshotEntry } from "../core/snapshot/block-reader.ts";
import { checkExpectedRoot, parseExpectedRoot } from "../core/snapshot/expected-root.ts";
import { createLoadReader, type LoadReader } from "../core/snapshot/load-reader.ts";
import { oversizedSnapshot } from "../core/snapshot/snapshot-error.ts";
import type { Committer } from "./committer.ts";
import type { ContextState } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import { alreadyExists, differs, headMoved, tooManyHeld } from "./load-refusal.ts";
import type { Clock, Head, Store, Zstd } from "./ports.ts";
import { StoreError } from "./ports.ts";
import { PublishUnit } from "./publish-unit.ts";
import type { Reader } from "./reader.ts";
import { Staging } from "./staging.ts";
import { fromStoreError } from "./store-failure.ts";

export interface LoadInput {
  readonly contextId: string;
  readonly failIfExists: boolean;
  /** `<entries>:<hexadecimal root>` of either tree profile; empty means none. */
  readonly expectedRoot: string;
  /** Accept a version 1 snapshot, which has no root. */
  readonly allowUnverified: boolean;
}

export interface LoadResult {
  /** Entries in the snapshot. */
  readonly entriesRestored: number;
  /** Entries that were not there before. */
  readonly entriesAdded: number;
  readonly latestSequence: number;
  /** True if the snapshot had no root that its entries could be compared with. */
  readonly unverified: boolean;
  /** The cursor after the newest entry. */
  readonly resumeToken: Uint8Array;
}

export interface LoaderParts {
  readonly store: Store;
  readonly contexts: ContextTable;
  readonly committer: Committer;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly zstd: Zstd;
  readonly inflate: Inflate;
}

export class Loader {
  readonly #parts: LoaderParts;
  /** Loads whose snapshots are held in memory. */
  readonly #holders = new Set<Load>();

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /** Throws LedgerError, or what `chunks` throws, having changed nothing that anyone can see. */
  async load(input: LoadInput, chunks: AsyncIterable<Uint8Array>): Promise<LoadResult> {
    try {
      const state = await this.#parts.contexts.load(input.contextId);
      state.pins += 1;
      const load = new Load(this.#parts, state, input, () => this.#hold(load));
      try {
        return await load.run(chunks);
      } finally {
        this.#holders.delete(load);
        state.pins -= 1;
      }
    } catch (error) {
      throw error instanceof StoreError ? fromStoreError(error) : error;
    }
  }

  #hold(load: Load): void {
    if (!this.#holders.has(load) && this.#holders.size >= limits.firstSnapshotLoadsMax) throw tooManyHeld();
    this.#holders.add(load);
  }
}

/** One load in progress. */
class Load {
  readonly #parts: LoaderParts;
  readonly #state: ContextState;
  readonly #input: LoadInput;
  /** What the context held when the load began. */
  readonly #base: Head | undefined;
  /** Throws if no more snapshots may be held in memory. */
  readonly #hold: () => void;
  #staging: Staging | undefined;
  #differsAt: number | undefined;

  constructor(parts: LoaderParts, state: ContextState, input: LoadInput, hold: () => void) {
    this.#parts = parts;
    this.#state = state;
    this.#input = input;
    this.#base = state.head;
    this.#hold = hold;
  }

  async run(chunks: AsyncIterable<Uint8Array>): Promise<LoadResult> {
    const { hasher, zstd, inflate } = this.#parts;
    const { expectedRoot, allowUnverified } = this.#input;
    const expected = expectedRoot === "" ? undefined : parseExpectedRoot(expectedRoot);
    const reader = createLoadReader({ hasher, zstd, inflate, allowUnverified });
    try {
      for await (const chunk of chunks) {
        await this.#takeAll(reader.push(chunk), reader);
        if (reader.isHeld) this.#hold();
      }
      const summary = await this.#takeAll(reader.finish(), reader);
      if (expected !== undefined) checkExpectedRoot(expected, summary);
      const added = await this.#publish();
      const { count, unverified } = summary;
      return { entriesRestored: count, entriesAdded: added, unverified, ...(await this.#newest()) };
    } finally {
      this.#staging?.discardUnlessPublished();
    }
  }

  /** Takes every batch, giving others a turn after each, and returns what the reader returns in the end. */
  async #takeAll<Result>(
    batches: Generator<readonly SnapshotEntry[], Result, undefined>,
    reader: LoadReader,
  ): Promise<Result> {
    for (;;) {
      const next = batches.next();
      if (next.done === true) return next.value;
      await this.#take(next.value, reader.contextId);
      await this.#parts.clock.yield();
    }
  }

  /** Compares verified entries with what exists, and stages those beyond it. */
  async #take(entries: readonly SnapshotEntry[], sourceId: string): Promise<void> {
    if (this.#differsAt !== undefined) return;
    const existing = this.#base?.latest ?? 0;
    const rows = entries.map((entry) => this.#row(entry, sourceId));
    const known = rows.filter((row) => row.sequence <= existing);
    if (known.length > 0) await this.#compare(known);
    if (this.#differsAt === undefined && rows.length > known.length) {
      this.#staging ??= await this.#beginStaging();
      for (const row of rows.slice(known.length)) await this.#staging.add(row.entry, row.contentHash);
    }
  }

  /** Returns the entry as it is in the target context. */
  #row(source: SnapshotEntry, sourceId: string): { sequence: number; entry: Entry; contentHash: Hash } {
    const { sequence } = source;
    const targetId = this.#state.id;
    if (sourceId === targetId) return { sequence, entry: source, contentHash: source.contentHash };
    const { hasher } = this.#parts;
    const entry = { ...source, id: copiedId(targetId, sourceId, source.id, hasher) };
    const size = recordBytes(targetId, entry);
    if (size > limits.recordBytesMax) {
      const what = `entry ${sequence}, which under context id ${quote(targetId)} gets a record`;
      throw oversizedSnapshot(what, { value: size, limit: limits.recordBytesMax });
    }
    return { sequence, entry, contentHash: contentHash(targetId, entry, hasher) };
  }

  async #compare(known: readonly { sequence: number; contentHash: Hash }[]): Promise<void> {
    let next = 0;
    while (next < known.length) {
      const first = known[next]?.sequence ?? 0;
      const page = await this.#parts.reader.page(this.#state, {
        after: first - 1,
        through: known.at(-1)?.sequence ?? 0,
        entriesMax: limits.readPageEntries,
        bytesMax: limits.readPageBytes,
      });
      for (const stored of page) {
        const loaded = known[next];
        if (loaded !== undefined && !loaded.contentHash.every((byte, i) => byte === stored.contentHash[i])) {
          this.#differsAt = loaded.sequence;
          return;
        }
        next += 1;
      }
    }
  }

  /** Opens a fresh log that begins with the entries the context has. */
  async #beginStaging(): Promise<Staging> {
    const staging = new Staging(this.#parts);
    this.#staging = staging;
    const through = this.#base?.latest ?? 0;
    let after = 0;
    while (after < through) {
      const page = await this.#parts.reader.page(this.#state, {
        after,
        through,
        entriesMax: limits.readPageEntries,
        bytesMax: limits.readPageBytes,
      });
      for (const { wire, contentHash: hash, sequence } of page) {
        await staging.add(decodeEntry(wire), hash);
        after = sequence;
      }
      await this.#parts.clock.yield();
    }
    return staging;
  }

  /** Makes the staged entries the context's; returns how many are new. */
  async #publish(): Promise<number> {
    const { failIfExists, contextId } = this.#input;
    if (failIfExists && this.#state.planned !== undefined)
      throw alreadyExists(contextId, this.#state.planned.latest);
    if (this.#differsAt !== undefined) throw differs(contextId, this.#differsAt);
    if (this.#staging === undefined) return 0;
    const staged = await this.#staging.flush();
    const { committer, clock } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      committer.enqueue(
        new PublishUnit({
          state: this.#state,
          base: this.#base,
          to: { ...staged, createdAtNs: this.#base?.createdAtNs ?? clock.nowNs() },
          refuse: (planned) =>
            failIfExists ? alreadyExists(contextId, planned?.latest ?? 0) : headMoved(contextId),
          resolve,
          reject,
        }),
      );
    });
    this.#staging.published(this.#base?.log);
    return staged.latest - (this.#base?.latest ?? 0);
  }

  async #newest(): Promise<{ latestSequence: number; resumeToken: Uint8Array }> {
    const latestSequence = this.#state.head?.latest ?? 0;
    if (latestSequence === 0) return { latestSequence, resumeToken: encodeResumeToken(0, undefined) };
    const [entry] = await this.#parts.reader.page(this.#state, {
      after: latestSequence - 1,
      through: latestSequence,
      entriesMax: 1,
      bytesMax: 1,
    });
    return { latestSequence, resumeToken: encodeResumeToken(latestSequence, entry?.contentHash) };
  }
}
