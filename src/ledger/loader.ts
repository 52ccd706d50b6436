/**
 * Restoring snapshots: verify and stage in one pass, publish in one transaction.
 *
 * A snapshot is compared with what exists as long as there is something to compare; from the first
 * entry beyond it, rows are staged under a fresh log number that no head names. Publishing makes the
 * context's head name that log, if the head is still the one the load began with.
 *
 * @module
 */

import { contentHash } from "../core/entry.ts";
import type { Hasher } from "../core/hasher.ts";
import type { Inflate } from "../core/inflate.ts";
import { limits } from "../core/limits.ts";
import { checkExpectedRoot, parseExpectedRoot } from "../core/snapshot/expected-root.ts";
import { createLoadReader, type LoadReader } from "../core/snapshot/load-reader.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import { EntryCopier, type LoadedEntry, type SnapshotEntry } from "../core/snapshot/snapshot-entry.ts";
import type { Committer } from "./committer.ts";
import type { ContextState } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import { entryDamaged } from "./data-loss.ts";
import { decodeStored } from "./decode-stored.ts";
import { alreadyExists, differs, headMoved, idRepeated, tooManyHeld } from "./load-refusal.ts";
import type { Clock, Head, Store, StoredEntry, Zstd } from "./ports.ts";
import { StoreError } from "./ports.ts";
import { PublishUnit } from "./publish-unit.ts";
import type { Reader } from "./reader.ts";
import { type StagedEntry, Staging } from "./staging.ts";
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
  #copier: EntryCopier | undefined;
  #staging: Staging | undefined;
  /** What the context's head is to be, but for its log. */
  #to: Omit<Head, "log">;
  #differsAt: number | undefined;

  constructor(parts: LoaderParts, state: ContextState, input: LoadInput, hold: () => void) {
    this.#parts = parts;
    this.#state = state;
    this.#input = input;
    this.#base = state.local;
    this.#hold = hold;
    const createdAtNs = parts.clock.nowNs();
    this.#to = state.local ?? { latest: 0, lamport: 0n, appendedAtNs: 0n, bytes: 0, createdAtNs };
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
      if (!summary.hasAllIds) await this.#checkIds();
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
    if (this.#differsAt !== undefined || entries.length === 0) return;
    const existing = this.#base?.latest ?? 0;
    const loaded = this.#ofTarget(entries, sourceId);
    const known = loaded.filter(({ sequence }) => sequence <= existing);
    if (known.length > 0) await this.#compare(known);
    if (this.#differsAt !== undefined || loaded.length === known.length) return;
    const added = known.length === 0 ? loaded : loaded.slice(known.length);
    this.#staging ??= await this.#beginStaging();
    await this.#staging.add(added);
    this.#to = headAfter(this.#to, added);
  }

  /** Returns the entries as they are in the target context. */
  #ofTarget(entries: readonly SnapshotEntry[], sourceId: string): readonly LoadedEntry[] {
    const targetId = this.#state.id;
    if (sourceId === targetId) return entries;
    const copier = (this.#copier ??= new EntryCopier({ from: sourceId, to: targetId }, this.#parts.hasher));
    return entries.map((entry) => copier.copy(entry));
  }

  async #compare(known: readonly LoadedEntry[]): Promise<void> {
    let next = 0;
    while (next < known.length) {
      const page = await this.#page((known[next]?.sequence ?? 1) - 1, known.at(-1)?.sequence ?? 0);
      for (const stored of page) {
        const loaded = known[next];
        if (loaded !== undefined && !sameBytes(loaded.contentHash, stored.contentHash)) {
          this.#differsAt = loaded.sequence;
          return;
        }
        next += 1;
      }
    }
  }

  /**
   * Refuses a snapshot with more entries than ids are remembered of if two of them have one id. Entries that
   * were compared with existing ones are in the staged log too; if there is none, all of them exist.
   */
  async #checkIds(): Promise<void> {
    if (this.#staging === undefined) return;
    await this.#staging.flush();
    for (let after = ""; ;) {
      const look = await this.#parts.store.repeatedId(this.#staging.log, after);
      if (look.kind === "found") throw idRepeated(look.id);
      if (look.kind === "none") return;
      after = look.after;
      await this.#parts.clock.yield();
    }
  }

  /** Reads a page of what the context has. */
  #page(after: number, through: number): Promise<StoredEntry[]> {
    const bounds = { entriesMax: limits.snapshotTurnEntries, bytesMax: limits.readPageBytes };
    return this.#parts.reader.page(this.#state, { after, through, ...bounds });
  }

  /** Opens a fresh log that begins with the entries the context has. */
  async #beginStaging(): Promise<Staging> {
    const staging = new Staging(this.#parts);
    this.#staging = staging;
    const through = this.#base?.latest ?? 0;
    let after = 0;
    while (after < through) {
      const page = await this.#page(after, through);
      await staging.add(page.map((row) => this.#existing(row)));
      after += page.length;
      await this.#parts.clock.yield();
    }
    return staging;
  }

  /** Returns an entry that the context has, if it is what was appended. */
  #existing(row: StoredEntry): StagedEntry {
    const entry = decodeStored(row);
    if (!sameBytes(contentHash(this.#state.id, entry, this.#parts.hasher), row.contentHash))
      throw entryDamaged(row.sequence);
    return { ...row, id: entry.id, key: entry.key };
  }

  /** Makes the staged entries the context's; returns how many are new. */
  async #publish(): Promise<number> {
    const { failIfExists, contextId } = this.#input;
    if (failIfExists && this.#state.planned !== undefined)
      throw alreadyExists(contextId, this.#state.planned.latest);
    if (this.#differsAt !== undefined) throw differs(contextId, this.#differsAt);
    if (this.#staging === undefined) return 0;
    await this.#staging.flush();
    const to = { ...this.#to, log: this.#staging.log };
    const { committer } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      committer.enqueue(
        new PublishUnit({
          state: this.#state,
          base: this.#base,
          to,
          refuse: (planned) =>
            failIfExists ? alreadyExists(contextId, planned?.latest ?? 0) : headMoved(contextId),
          resolve,
          reject,
        }),
      );
    });
    this.#staging.published(this.#base?.log);
    return to.latest - (this.#base?.latest ?? 0);
  }

  async #newest(): Promise<{ latestSequence: number; resumeToken: Uint8Array }> {
    const latestSequence = this.#state.head?.latest ?? 0;
    return { latestSequence, resumeToken: await this.#parts.reader.tokenAt(this.#state, latestSequence) };
  }
}

/** Returns what a head says after more entries. */
function headAfter<State extends Omit<Head, "log">>(before: State, entries: readonly LoadedEntry[]): State {
  let { latest, lamport, appendedAtNs, bytes } = before;
  for (const entry of entries) {
    latest = entry.sequence;
    bytes += entry.bytes;
    if (entry.lamport > lamport) lamport = entry.lamport;
    if (entry.appendedAtNs > appendedAtNs) appendedAtNs = entry.appendedAtNs;
  }
  return { ...before, latest, lamport, appendedAtNs, bytes };
}
