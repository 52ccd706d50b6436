/**
 * What the ledger needs from the outside world. Implementations live in `src/store` and `src/node`;
 * simulations bring their own.
 *
 * @module
 */

/** The durable state of one context: its last entry, and what the next append needs. */
export interface Head {
  /** The internal log whose rows are this context's entries. */
  readonly log: number;
  /** Sequence of the last entry, which is also how many there are. At least 1. */
  readonly latest: number;
  /** Lamport clock: at least the largest Lamport time of the entries. */
  readonly lamport: bigint;
  /** appended_at_ns of the last entry. */
  readonly appendedAtNs: bigint;
  /** Payloads, keys, metadata names and values of all entries. */
  readonly bytes: number;
  /** When this store first had an entry of the context. */
  readonly createdAtNs: bigint;
}

/** One entry as the store keeps it. The arrays belong to the receiver. */
export interface StoredEntry {
  readonly sequence: number;
  readonly contentHash: Uint8Array;
  /** Fields 1 to 7 of the entry's protobuf encoding, see `core/entry-wire.ts`. */
  readonly wire: Uint8Array;
}

/** One entry on its way into the store. */
export interface NewRow extends StoredEntry {
  readonly log: number;
  readonly key: string;
  /** Set if the entry must be found by its id: it had an idempotency key, or was loaded. */
  readonly findableId: string | undefined;
}

/** Moves one context from the head its writer knew to the next one. */
export interface HeadChange {
  readonly contextId: string;
  /** The head the change is based on; undefined if the context did not exist. */
  readonly from: Head | undefined;
  readonly to: Head;
}

/** What one transaction writes. Rows that no head covers stay invisible. */
export interface Commit {
  readonly rows: readonly NewRow[];
  readonly heads: readonly HeadChange[];
}

export type CommitOutcome =
  /** Everything is on disk. */
  | { readonly kind: "committed"; readonly syncMicros: number }
  /** Nothing was written: `contextId` has another head than the change was based on. */
  | { readonly kind: "head-moved"; readonly contextId: string };

/**
 * Why a store could not do what it was asked.
 * - `full`: no space; nothing was written; works again when there is space.
 * - `io`: the device or file system failed, or the file is damaged; nothing was written.
 * - `unknown`: the writer died; whether the commit was written shows in the heads once it is back.
 * - `closed`: the store is not open (yet, or any more); nothing was written.
 */
export type StoreFailure = "full" | "io" | "unknown" | "closed";

export class StoreError extends Error {
  override readonly name = "StoreError";

  constructor(
    readonly failure: StoreFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Which rows of one log to read: ascending, `after` exclusive, `through` inclusive. */
export interface ReadRange {
  readonly log: number;
  readonly after: number;
  readonly through: number;
  /** Only rows with this key. */
  readonly key?: string | undefined;
  /** At most this many rows. */
  readonly entriesMax: number;
  /** Stop once the rows hold this many bytes of wire; at least one row is returned. */
  readonly bytesMax: number;
}

export interface ListRange {
  readonly prefix: string;
  /** Exclusive; empty for the first page. */
  readonly startAfter: string;
  readonly limit: number;
}

export interface Totals {
  readonly contexts: number;
  readonly entries: number;
  /** The sum of `Head.bytes`. */
  readonly bytes: number;
}

/**
 * Durable storage. Reads see every commit that was acknowledged, never wait for writes, and throw
 * {@link StoreError}. Commits are atomic, are acknowledged only after their fsync, and take effect
 * in the order of the calls; callers wait for one before they start the next.
 */
export interface Store {
  head(contextId: string): Promise<Head | undefined>;
  read(range: ReadRange): Promise<StoredEntry[]>;
  /** Returns the entries of one log that have one of these findable ids, by id. */
  findByIds(log: number, ids: readonly string[]): Promise<Map<string, StoredEntry>>;
  /** Returns contexts in the byte order of their ids. */
  list(range: ListRange): Promise<{ readonly contextId: string; readonly head: Head }[]>;
  totals(): Promise<Totals>;
  /** Returns a log number that no row has used and no other call returns. */
  newLog(): number;
  commit(commit: Commit): Promise<CommitOutcome>;
  /** Deletes rows of one log that no head covers, a bounded number; returns true while more are left. */
  discard(log: number, after: number): Promise<boolean>;
}

export interface Clock {
  /** Nanoseconds since 1970-01-01 UTC; may step backwards. */
  nowNs(): bigint;
  /** Milliseconds that never step backwards, for durations. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void;
  /** Resolves in a later turn of the event loop, after waiting I/O had its chance. */
  yield(): Promise<void>;
}

export interface Random {
  /** Fills `target` with bytes nobody can guess. */
  fill(target: Uint8Array): void;
}

export type { Zstd } from "../core/zstd.ts";
