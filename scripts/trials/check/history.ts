/** What a client knows of a trial: everything the checker is given. Times are milliseconds of the client's one clock. */

import type { WriteCopies } from "../world/cluster.ts";

export interface History {
  readonly writeCopies: WriteCopies;
  /** Everything that was sent, acknowledged or not. */
  readonly sent: readonly Sent[];
  readonly watches: readonly Watch[];
  readonly reads: readonly Read[];
  readonly repeats: readonly Repeat[];
  readonly checkpoints: readonly Checkpoint[];
  /** One for each holder and context, after healing. */
  readonly finals: readonly FinalCopy[];
  /** One for each node and context, after healing; none if nodes cannot tell. */
  readonly statuses: readonly Status[];
  /** Resets that a watcher may be sent; 0 under majority and all. */
  readonly resetsMax: number;
}

/** One entry that a writer sent, once or again and again with one idempotency key. Payloads are unique texts. */
export interface Sent {
  readonly writer: string;
  readonly contextId: string;
  readonly payload: string;
  /** Entries that were sent as one batch: all of them are there, or none. */
  readonly batch?: string;
  readonly firstSentMs: number;
  readonly acknowledged?: Acknowledgement;
  /** Codes of the attempts that were not acknowledged: each of them means unknown. */
  readonly failures: readonly string[];
}

export interface Acknowledgement {
  readonly id: string;
  readonly sequence: number;
  /** Base64, as everywhere here. */
  readonly contentHash: string;
  readonly copies: number;
  readonly holders: number;
  readonly duplicate: boolean;
  /** Name of the node that answered. */
  readonly node: string;
  readonly atMs: number;
}

/** An acknowledged entry that was sent again with its idempotency key after healing. */
export interface Repeat {
  readonly contextId: string;
  readonly payload: string;
  readonly first: Acknowledgement;
  readonly again: Acknowledgement;
}

/** An entry as somebody saw it. */
export interface Seen {
  readonly id: string;
  readonly sequence: number;
  readonly contentHash: string;
}

/** What one watcher saw of one context through one node, from the beginning. */
export interface Watch {
  readonly node: string;
  readonly contextId: string;
  readonly events: readonly WatchEvent[];
}

export type WatchEvent =
  | { readonly kind: "entry"; readonly entry: Seen; readonly atMs: number }
  /** Everything after `sequence` follows anew. */
  | { readonly kind: "reset"; readonly sequence: number; readonly atMs: number }
  /** The connection ended or was refused; the watch goes on from where it was. */
  | { readonly kind: "broken"; readonly why: string; readonly atMs: number };

/** One answer to Get. */
export interface Read {
  readonly node: string;
  readonly contextId: string;
  readonly atMs: number;
  /** What the reader had to see at least: it named it as min_sequence. */
  readonly minSequence: number;
  readonly latestSequence: number;
  readonly entries: readonly Seen[];
}

/** A size and root that a node has signed while the load went on. */
export interface Checkpoint {
  readonly node: string;
  readonly contextId: string;
  readonly treeSize: number;
  readonly root: string;
}

/** A context as one node has it at the end. */
export interface FinalCopy {
  readonly node: string;
  readonly contextId: string;
  readonly entries: readonly FinalEntry[];
  /** The root over all entries that the node gives; undefined if it gave none. */
  readonly root: string | undefined;
}

export interface FinalEntry extends Seen {
  readonly payload: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether the hash is that of the entry's content, computed by the client. */
  readonly hashFits: boolean;
}

/** What a node says about the copies of a context. */
export interface Status {
  readonly node: string;
  readonly contextId: string;
  readonly isEqual: boolean;
  readonly forks: number;
  readonly pendingArchives: number;
  readonly holders: readonly HolderStatus[];
}

export interface HolderStatus {
  readonly name: string;
  /** Why it did not answer. */
  readonly error: string | undefined;
  readonly latestSequence: number;
  readonly committedSequence: number;
  readonly root: string | undefined;
}

/** Metadata of an entry that follows its superseded form: `sequence appended_at_ns lamport hash`, the hash in hexadecimal. */
export const movedName = "converge-ledger/moved";
