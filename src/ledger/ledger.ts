/**
 * The application: what a ledger can do, in terms of its ports. Every failure is a LedgerError.
 *
 * @module
 */

import { type Cursor, parseResumeToken, sequenceCursor } from "../core/cursor.ts";
import { assert } from "../core/assert.ts";
import { LedgerError, quote } from "../core/errors.ts";
import type { Hasher } from "../core/hasher.ts";
import type { Inflate } from "../core/inflate.ts";
import { limits } from "../core/limits.ts";
import {
  type AppendInput,
  batchTooLong,
  checkAppend,
  checkBatch,
  checkContextId,
  checkKeyFilter,
  checkText,
} from "../core/validate.ts";
import type { Appended } from "./append-unit.ts";
import { Appender } from "./appender.ts";
import { Committer } from "./committer.ts";
import type { Origin } from "./context-state.ts";
import { ContextTable } from "./context-table.ts";
import { IdSource } from "./id-source.ts";
import { Loader, type LoadInput, type LoadResult } from "./loader.ts";
import type { LedgerObserver } from "./observer.ts";
import type { Clock, Head, ListRange, Random, Store, Totals, Zstd } from "./ports.ts";
import { type GetInput, type GetResult, Reader } from "./reader.ts";
import { SequenceWaits } from "./sequence-waits.ts";
import { type SnapshotPart, Snapshots } from "./snapshots.ts";
import { fromStoreError } from "./store-failure.ts";
import { WatchRegistry } from "./watch-registry.ts";
import type { Watcher, WatchSink } from "./watcher.ts";

export interface LedgerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
  readonly zstd: Zstd;
  readonly inflate: Inflate;
  readonly observer: LedgerObserver;
}

/** How many nodes must have an entry before it is acknowledged; 0 means the server's own rule. */
export interface Copies {
  readonly minCopies: number;
}

export interface GetRequest extends Omit<GetInput, "contextId" | "key"> {
  readonly contextId: string;
  readonly key: string;
  /** 0 means none. */
  readonly minSequence: bigint;
}

export interface WatchRequest {
  readonly contextId: string;
  /** Empty means all. */
  readonly key: string;
  readonly from: Cursor;
  /** 0 means none. */
  readonly heartbeatMs: number;
  /** True if the sink can tell its client of a reset; otherwise a replaced history is ABORTED. */
  readonly resets: boolean;
}

export interface ContextInfo {
  readonly contextId: string;
  readonly head: Head;
}

export class Ledger {
  readonly #store: Store;
  readonly #contexts: ContextTable;
  readonly #committer: Committer;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #waits: SequenceWaits;
  readonly #watches: WatchRegistry;
  readonly #snapshots: Snapshots;
  readonly #loader: Loader;

  constructor(parts: LedgerParts) {
    const { store, clock, hasher, zstd, inflate, observer } = parts;
    const origin: Origin = { clock, hasher, ids: new IdSource(parts.random), newLog: () => store.newLog() };
    this.#store = store;
    this.#contexts = new ContextTable(store);
    this.#reader = new Reader({ store, contexts: this.#contexts, clock });
    this.#waits = new SequenceWaits(clock);
    this.#watches = new WatchRegistry({ clock, read: (state, range) => this.#reader.page(state, range) });
    this.#committer = new Committer(store, clock, {
      advanced: (state, rows) => {
        this.#waits.advanced(state);
        this.#watches.advanced(state, rows);
      },
      measured: (commit) => observer.commit(commit),
    });
    this.#appender = new Appender({ contexts: this.#contexts, committer: this.#committer, store, origin });
    this.#snapshots = new Snapshots({ contexts: this.#contexts, reader: this.#reader, clock, hasher, zstd });
    this.#loader = new Loader({
      store,
      contexts: this.#contexts,
      committer: this.#committer,
      reader: this.#reader,
      clock,
      hasher,
      zstd,
      inflate,
    });
  }

  /** Adds one entry; resolves when it is on disk. */
  append(contextId: string, input: AppendInput, copies: Copies): Promise<Appended> {
    try {
      checkContextId(contextId);
      const checked = checkAppend(input);
      checkCopies(copies);
      return this.#appender.append(contextId, [checked]).then(theOnly);
    } catch (error) {
      return Promise.reject(fromStoreError(error));
    }
  }

  /** Adds entries to one context, all or none; resolves when they are on disk. */
  async appendBatch(contextId: string, inputs: readonly AppendInput[], copies: Copies): Promise<Appended[]> {
    checkContextId(contextId);
    if (inputs.length > limits.batchEntriesMax) throw batchTooLong(inputs.length);
    const checked = inputs.map(checkAppend);
    checkBatch(checked);
    checkCopies(copies);
    return this.#appender.append(contextId, checked);
  }

  /** Reads entries in sequence order. `signal` ends a wait for `minSequence`. */
  async get(request: GetRequest, signal?: AbortSignal): Promise<GetResult> {
    checkContextId(request.contextId);
    checkKeyFilter(request.key);
    if (request.minSequence > 0n) {
      const state = await this.#load(request.contextId);
      await this.#waits.until(state, request.minSequence, signal);
    }
    return this.#reader.get(request);
  }

  /**
   * Begins a watch and returns it asleep; the caller wakes it when its sink is ready, resumes it when
   * the sink has room again, and closes it when its client has gone.
   */
  async watch(request: WatchRequest, sink: WatchSink): Promise<Watcher> {
    checkContextId(request.contextId);
    checkKeyFilter(request.key);
    checkHeartbeat(request.heartbeatMs);
    const state = await this.#load(request.contextId);
    let cursor: number;
    let reset = false;
    state.pins += 1;
    try {
      cursor = await this.#reader.resolve(state, request.from);
    } catch (error) {
      if (!request.resets || !(error instanceof LedgerError) || error.facts.reason !== "HISTORY_REPLACED")
        throw fromStoreError(error);
      cursor = error.facts.sequence ?? 0;
      reset = true;
    } finally {
      state.pins -= 1;
    }
    const { key, heartbeatMs } = request;
    const watcher = this.#watches.subscribe({ state, cursor, options: { key, heartbeatMs }, sink });
    if (reset) sink.reset(cursor);
    return watcher;
  }

  /** Lists contexts in the byte order of their ids. */
  async list(
    range: ListRange,
  ): Promise<{ readonly contexts: readonly ContextInfo[]; readonly more: boolean }> {
    checkText("prefix", range.prefix);
    checkText("start_after", range.startAfter);
    if (range.limit > limits.listContextsMax) {
      throw new LedgerError(
        "INVALID_ARGUMENT",
        `limit is ${range.limit}, more than ${limits.listContextsMax}`,
        {
          reason: "LIMIT_TOO_LARGE",
          field: "limit",
          value: range.limit,
          limit: limits.listContextsMax,
          remedy: "ask for less and continue with start_after",
        },
      );
    }
    const limit = range.limit === 0 ? limits.listContextsDefault : range.limit;
    try {
      const contexts = await this.#store.list({ ...range, limit: limit + 1 });
      return { contexts: contexts.slice(0, limit), more: contexts.length > limit };
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /** Describes one context. Throws NOT_FOUND if it has no entries. */
  async describe(contextId: string): Promise<ContextInfo> {
    checkContextId(contextId);
    const { head } = await this.#load(contextId);
    if (head !== undefined) return { contextId, head };
    throw new LedgerError("NOT_FOUND", `context ${quote(contextId)} has no entries`, {
      reason: "CONTEXT_NOT_FOUND",
      field: "context_id",
      value: contextId,
      remedy: "check the id, or append its first entry",
    });
  }

  /** Copies a context as it is now: the bytes of a version 3 snapshot, then what they hold. */
  snapshot(contextId: string): AsyncGenerator<SnapshotPart, void> {
    checkContextId(contextId);
    return this.#snapshots.snapshot(contextId);
  }

  /** Restores a snapshot; nothing is visible before all of it is verified. What `chunks` throws comes back as it is. */
  async load(input: LoadInput, chunks: AsyncIterable<Uint8Array>): Promise<LoadResult> {
    checkContextId(input.contextId);
    return this.#loader.load(input, chunks);
  }

  /** Sizes of the whole ledger. Throws StoreError. */
  totals(): Promise<Totals> {
    return this.#store.totals();
  }

  /** What waits for the disk. */
  get queued(): { readonly entries: number; readonly bytes: number } {
    return this.#committer.queued;
  }

  /** Why appends are refused, if the last commit failed not long ago. */
  get appendTrouble(): LedgerError | undefined {
    return this.#committer.trouble;
  }

  watchCounts(): ReturnType<WatchRegistry["counts"]> {
    return this.#watches.counts();
  }

  /** Ends every watch: clients are told and may resume from their cursors. */
  endWatches(error: LedgerError): void {
    this.#watches.endAll(error);
  }

  /** Resolves when everything queued has been answered. */
  drained(): Promise<void> {
    return this.#committer.drained();
  }

  async #load(contextId: string): ReturnType<ContextTable["load"]> {
    try {
      return await this.#contexts.load(contextId);
    } catch (error) {
      throw fromStoreError(error);
    }
  }
}

/** Returns the cursor a watch request names: its resume token, or its sequence, which 2^64-1 makes the newest. */
export function watchCursor(fromSequence: bigint, resumeToken: Uint8Array): Cursor {
  if (resumeToken.length > 0) return parseResumeToken(resumeToken, "resume_token");
  return sequenceCursor(fromSequence);
}

function theOnly([appended]: readonly Appended[]): Appended {
  assert(appended !== undefined, "one input has one answer");
  return appended;
}

function checkCopies({ minCopies }: Copies): void {
  if (minCopies <= 1) return;
  throw new LedgerError("FAILED_PRECONDITION", `min_copies is ${minCopies}, and this server keeps 1 copy`, {
    reason: "TOO_FEW_HOLDERS",
    field: "min_copies",
    value: minCopies,
    limit: 1,
    remedy: "set min_copies to 0 or 1",
  });
}

function checkHeartbeat(heartbeatMs: number): void {
  const { heartbeatMsMin, heartbeatMsMax } = limits;
  if (heartbeatMs === 0 || (heartbeatMs >= heartbeatMsMin && heartbeatMs <= heartbeatMsMax)) return;
  throw new LedgerError(
    "INVALID_ARGUMENT",
    `heartbeat_ms is ${heartbeatMs}, not 0 and not between ${heartbeatMsMin} and ${heartbeatMsMax}`,
    {
      reason: "HEARTBEAT_OUT_OF_RANGE",
      field: "heartbeat_ms",
      value: heartbeatMs,
      limit: heartbeatMs < heartbeatMsMin ? heartbeatMsMin : heartbeatMsMax,
      remedy: "choose a value in that range, or 0 for none",
    },
  );
}
