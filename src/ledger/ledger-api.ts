/**
 * What a ledger can do for its clients: what the protocols use. One node answers it from its own store, a node of a cluster
 * with the help of the others. Every failure is a LedgerError.
 *
 * @module
 */

import type { Cursor } from "../core/cursor.ts";
import type { AppendInput } from "../core/validate.ts";
import type { Appended, Receipt } from "./append-unit.ts";
import type { Inclusion, Integrity } from "./integrity.ts";
import type { LoadInput, LoadResult } from "./loader.ts";
import type { Head, ListRange, StoredEntry } from "./ports.ts";
import type { GetInput, GetResult } from "./reader.ts";
import type { SnapshotPart } from "./snapshots.ts";
import type { WatchSink } from "./watcher.ts";

/** When an append is acknowledged. */
export interface AppendTerms {
  /** How many nodes must have the entry on disk; 0 means the server's own rule. */
  readonly minCopies: number;
  /** How long the caller waits; undefined if it did not say. */
  readonly timeoutMs?: number | undefined;
}

export interface GetRequest extends Omit<GetInput, "contextId" | "key"> {
  readonly contextId: string;
  readonly key: string;
  /** 0 means none. */
  readonly minSequence: bigint;
  /** True if any copy may answer, also one that has not heard of the newest entries. */
  readonly anyCopy?: boolean;
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
  /** Give the sink proof items in the place of entries. */
  readonly proofs: boolean;
}

/** A watch that goes on until one side ends it. It sleeps until it is woken. */
export interface Watching {
  /** Sends what the sink takes now. */
  wake(): void;
  /** The sink can take more. */
  resume(): void;
  /** The client has gone. Idempotent; the sink is not called any more. */
  close(): void;
}

export interface ContextInfo {
  readonly contextId: string;
  readonly head: Omit<Head, "log">;
}

export interface ContextPage {
  readonly contexts: readonly ContextInfo[];
  readonly more: boolean;
  /** Names of nodes that should have been heard and were not: what they alone keep is left out. */
  readonly unanswered?: readonly string[];
}

export interface LedgerApi {
  /** What can be proven. */
  readonly integrity: Integrity;
  /** Adds one entry; resolves when it is on disk on as many nodes as it must be. */
  append(contextId: string, input: AppendInput, terms: AppendTerms): Promise<Appended>;
  /** Adds entries to one context, all or none, and resolves likewise. */
  appendBatch(
    contextId: string,
    inputs: readonly AppendInput[],
    terms: AppendTerms,
  ): Promise<readonly Receipt[]>;
  /**
   * Proves entries that were acknowledged, each in the tree that ends with it, in ascending order. Usually at once, without a
   * look at the store.
   */
  prove(
    contextId: string,
    entries: readonly Pick<StoredEntry, "sequence" | "contentHash">[],
  ): readonly Inclusion[] | Promise<readonly Inclusion[]>;
  /** Reads entries in sequence order. `signal` ends a wait for `minSequence`. */
  get(request: GetRequest, signal?: AbortSignal): Promise<GetResult>;
  /** Begins a watch and returns it asleep; the caller wakes it when its sink is ready. */
  watch(request: WatchRequest, sink: WatchSink): Promise<Watching>;
  /** Lists contexts in the byte order of their ids. */
  list(range: ListRange): Promise<ContextPage>;
  /** Describes one context. Throws NOT_FOUND if it has no entries. */
  describe(contextId: string): Promise<ContextInfo>;
  /** Copies a context as it is now: the bytes of a version 3 snapshot, then what they hold. */
  snapshot(contextId: string): AsyncGenerator<SnapshotPart, void>;
  /** Restores a snapshot; nothing is visible before all of it is verified. What `chunks` throws comes back as it is. */
  load(input: LoadInput, chunks: AsyncIterable<Uint8Array>): Promise<LoadResult>;
}
