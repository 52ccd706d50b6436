import type { Hasher } from "../../core/hasher.ts";
import type { LedgerApi } from "../../ledger/ledger-api.ts";
import type { Clock } from "../../ledger/ports.ts";
import type { Peers } from "../../node/peers/peers.ts";
import type { ClusterView } from "../../sync/view.ts";
import type { ContextRouting } from "./context-routing.ts";

/** What it takes to answer for a whole cluster. */
export interface ClusterParts {
  /** This node's own part, of which clients see the committed prefix. */
  readonly local: LedgerApi;
  readonly routing: ContextRouting;
  readonly peers: Peers;
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly hasher: Hasher;
  /** Returns a number from 0 to below 1. */
  readonly random: () => number;
  readonly timing?: ClusterTiming;
}

/** How long requests of clients are pursued, in milliseconds. */
export interface ClusterTiming {
  /** An append is tried again for so long, or until its caller's deadline, as long as nothing was written. */
  readonly appendRetryMs: number;
  /** A read is tried again for so long before any copy answers. */
  readonly readRetryMs: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** For one answer of another node, if the caller has no earlier deadline. */
  readonly forwardMs: number;
  /** For a read that waits for its `min_sequence` elsewhere. */
  readonly waitingReadMs: number;
  /** How long a copy may take to get an entry that is waited for, before the home is asked. */
  readonly copyLagMs: number;
  /** For as many copies as an append asks for, if the caller has no earlier deadline. */
  readonly minCopiesMs: number;
  /** A watch looks for another node to go on for so long. */
  readonly watchResumeMs: number;
  /** For the contexts of one node. */
  readonly listMs: number;
  /** For the next part of a snapshot that another node restores. */
  readonly loadIdleMs: number;
  /** For the end of it: everything is on disk of as many nodes as it must be. */
  readonly loadEndMs: number;
}

export const clusterTiming: ClusterTiming = {
  appendRetryMs: 3000,
  readRetryMs: 1000,
  retryMsMin: 20,
  retryMsMax: 500,
  forwardMs: 10_000,
  waitingReadMs: 35_000,
  copyLagMs: 500,
  minCopiesMs: 5000,
  watchResumeMs: 60_000,
  listMs: 5000,
  loadIdleMs: 60_000,
  loadEndMs: 600_000,
};

/** A call of a client may be passed on so often. */
export const forwardsMax = 2;

/** How a call came to this node. */
export interface CallTerms {
  /** Nodes it has passed; 0 if its client is connected to this one. */
  readonly hops: number;
  /** How long the caller waits; undefined if it did not say. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** True if this node is asked for what it has, because nobody reaches the home or no more is wanted. */
  readonly anyCopy?: boolean;
}
