/**
 * What the ledger needs from the outside world. Implementations live in `src/store` and `src/node`;
 * simulations bring their own.
 *
 * @module
 */

import type { Epoch } from "../core/epoch.ts";
import type { ZstdDecoder } from "../core/zstd.ts";

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

/** What this node has promised and accepted of one context that it keeps, or may be asked to keep, with others. */
export interface Replica {
  readonly contextId: string;
  /** The node ids of those that keep it, best first, at most `holdersMax`. */
  readonly holders: readonly string[];
  /** Nothing below is listened to. */
  readonly promised: Epoch;
  /** Whose history the log is. */
  readonly accepted: Epoch;
  /** Entries up to here are committed; at most the head's latest. */
  readonly committed: number;
  /** This node is no holder any more and will delete its copy: it promises and appends nothing. */
  readonly leaving: boolean;
  /** What anti-entropy has of the context: 32 bytes, or none while that is not known. */
  readonly digestItem: Uint8Array | undefined;
}

/**
 * Takes the newest entries out of a context, because another history stands. They keep their bytes and sequences under
 * the log number `archive`, which no head may name, to which no rows may be added, and which nothing discards until it is
 * settled. Rows staged behind `from`, subtrees that reach beyond `to` and marks of damage beyond it are forgotten, and the
 * context has no leaf in the log of logs any more; what was signed stays. Takes time for each entry, in the transaction.
 */
export interface Truncation {
  readonly contextId: string;
  /** The head this is based on. */
  readonly from: Head;
  /** The head after it, with a smaller `latest` and the same log; undefined if nothing is left. */
  readonly to: Head | undefined;
  /** A log number that nothing has used: a new one of `Store.newLog`. */
  readonly archive: number;
  /** Whose history the entries were. */
  readonly accepted: Epoch;
  readonly archivedAtNs: bigint;
}

/**
 * Takes a context out of the store: its head, entries, replica and signed head. Archives and forks stay. The caller discards
 * the rows by `Store.discard(from.log, 0)` when nobody reads them any more; what is left is discarded after the next start. The
 * context can be created again, under another log number.
 */
export interface Drop {
  readonly contextId: string;
  /** The head this is based on; undefined if there is none, and only what is kept beside it goes. */
  readonly from: Head | undefined;
}

/** Entries that were taken out of a context, until all of them are in its history again. Outlives the context. */
export interface Archive {
  readonly contextId: string;
  /** Where `Store.read` and `Store.contentHashes` find them; by their ids nothing does. */
  readonly log: number;
  /** Sequences `first` to `last`. */
  readonly first: number;
  readonly last: number;
  readonly accepted: Epoch;
  readonly archivedAtNs: bigint;
}

/** Two histories of one context that were found to differ, and what became of that. */
export interface ForkRecord {
  readonly contextId: string;
  /** Entries up to this one are in both. */
  readonly after: number;
  /** How many entries lost their place: those from sequence `after` + 1 on. */
  readonly count: number;
  /** Their content hashes, packed, of which the store keeps the first `forkHashesMax`. */
  readonly hashes: Uint8Array;
  /** Whose history stands. */
  readonly winner: Epoch;
  readonly loser: Epoch;
  readonly foundAtNs: bigint;
}

/**
 * The id of the context that holds the node's log of logs: rows whose wire is a head record
 * (`core/tlog/head-record.ts`). No client can name it, lists and totals leave it out.
 */
export const nodeLogId = "";

/** The root of a full subtree of one log's RFC 6962 tree: 256^`level` leaves from `index` · 256^`level` on. */
export interface NewSubtree {
  readonly log: number;
  /** At least 1. */
  readonly level: number;
  readonly index: number;
  readonly root: Uint8Array;
}

/** The newest size and root of a context's log, or of the log of logs, that a signature was made for. */
export interface SignedHead {
  readonly contextId: string;
  readonly generation: number;
  readonly size: number;
  readonly root: Uint8Array;
}

/** An entry whose stored bytes are not what was appended, or are again. */
export interface DamageMark {
  readonly log: number;
  readonly sequence: number;
  readonly damaged: boolean;
}

/** A ledger node of the cluster, dead or alive. */
export interface RosterMember {
  /** The random id of its data directory: 32 lower-case hex digits. */
  readonly nodeId: string;
  /** What it was called when it was last seen alive. */
  readonly name: string;
  /** HOST:PORT of its gossip. */
  readonly gossipAddress: string;
  /** HOST:PORT of its gRPC listener, if it said so. */
  readonly rpcAddress: string | undefined;
  /** In milliseconds of the Unix epoch, like `lastAliveMs`, by the clock of this node. */
  readonly firstSeenMs: number;
  readonly lastAliveMs: number;
}

/** What changes about the roster. */
export interface RosterChange {
  /** Each takes the place of the one with its node id. */
  readonly put: readonly RosterMember[];
  /** Node ids; they go before others are put. */
  readonly remove: readonly string[];
}

/**
 * What one transaction writes. Rows that no head covers stay invisible. Subtrees and marks of rows that are neither
 * covered nor staged are left out: their log was discarded while they were worked out.
 */
export interface Commit {
  readonly rows: readonly NewRow[];
  readonly heads: readonly HeadChange[];
  /**
   * Each takes the place of what is left of the row with its log and sequence. It is left out unless a head covers that
   * sequence once the heads of this commit have moved: nothing is added, and archives stay as they are. A row that can be found
   * by an id stays so.
   */
  readonly repairs?: readonly NewRow[];
  readonly subtrees?: readonly NewSubtree[];
  /** Each takes the place of the one its context had. */
  readonly signed?: readonly SignedHead[];
  /** Contexts of which the log of logs now has a leaf of this size. */
  readonly logged?: readonly { readonly contextId: string; readonly size: number }[];
  readonly damage?: readonly DamageMark[];
  readonly roster?: RosterChange;
  /** Kept if it is above the one that is stored. */
  readonly gossipIncarnation?: number;
  /** Each takes the place of the one its context had. */
  readonly replicas?: readonly Replica[];
  /** They go first, one after the other: a drop or head change of the same context is based on what they leave. */
  readonly truncations?: readonly Truncation[];
  /** They go next: whatever else the commit has of the same context comes after. */
  readonly drops?: readonly Drop[];
  /**
   * Log numbers of archives that nobody needs any more; others are passed over. The caller discards their rows by
   * `Store.discard(log, 0)`; what is left is discarded after the next start.
   */
  readonly settled?: readonly number[];
  /** Each takes the place of the one with its context, `after` and `loser`. A context keeps the newest `forksPerContextMax`. */
  readonly forks?: readonly ForkRecord[];
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

/** What a look for repeated ids has found so far. */
export type RepeatedId =
  | { readonly kind: "found"; readonly id: string }
  /** Not among the ids up to `after`; look on from there. */
  | { readonly kind: "more"; readonly after: string }
  | { readonly kind: "none" };

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
  /**
   * Returns the packed content hashes of at most `count` rows of one log from sequence `first` on, committed or
   * staged; fewer where rows end or one is missing.
   */
  contentHashes(log: number, first: number, count: number): Promise<Uint8Array>;
  /** Returns the packed roots of at most `count` full subtrees from index `first` on; fewer where one is missing. */
  subtreeRoots(log: number, level: number, first: number, count: number): Promise<Uint8Array>;
  /** Returns the last row with this key up to sequence `through`. */
  newestOfKey(log: number, key: string, through: number): Promise<StoredEntry | undefined>;
  /** Returns whether two rows of one log have the same findable id; looks at a bounded number from `after` on. */
  repeatedId(log: number, after: string): Promise<RepeatedId>;
  signedHead(contextId: string): Promise<SignedHead | undefined>;
  /** Returns contexts that have grown since the log of logs had a leaf of them, in the byte order of their ids. */
  unlogged(limit: number): Promise<{ readonly contextId: string; readonly head: Head }[]>;
  /** Returns at most `limit` entries that are marked as damaged. */
  damaged(limit: number): Promise<{ readonly log: number; readonly sequence: number }[]>;
  /** Returns 16 random bytes that were chosen when the ledger was made. */
  nodeId(): Promise<Uint8Array>;
  /** Returns the roster in the order of node ids, at most `membersMax` of it. */
  roster(): Promise<readonly RosterMember[]>;
  /** Returns a number that no incarnation this node ever announced is above; 0 if it never announced one. */
  gossipIncarnation(): Promise<number>;
  replica(contextId: string): Promise<Replica | undefined>;
  /** Returns at most `limit` replicas in the byte order of their context ids, after `startAfter` (exclusive). */
  replicas(startAfter: string, limit: number): Promise<readonly Replica[]>;
  /** Returns the archives of one context, or of all if none is named, by ascending log number, at most `limit`. */
  archives(contextId: string | undefined, limit: number): Promise<readonly Archive[]>;
  /** Returns the forks of one context, or of all if none is named, by the time they were found, at most `limit`. */
  forks(contextId: string | undefined, limit: number): Promise<readonly ForkRecord[]>;
  /** Returns a log number that no row has used and no other call returns. */
  newLog(): number;
  commit(commit: Commit): Promise<CommitOutcome>;
  /** Deletes rows of one log that neither a head nor an archive covers, a bounded number; returns true while more are left. */
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

/** Compression of snapshot blocks. [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878) */
export interface Zstd extends ZstdDecoder {
  /**
   * Resolves with one frame that needs a window of at most 8 MiB. Does not hold the event loop; `plain` must
   * not change meanwhile.
   */
  compress(plain: Uint8Array): Promise<Uint8Array>;
}
