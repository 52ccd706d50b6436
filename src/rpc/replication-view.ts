/**
 * Where copies are and how far they are, as the API sees it. A node without a cluster is the only holder of all it has.
 *
 * @module
 */

import type { Epoch } from "../core/epoch.ts";
import type { MemberState } from "../core/member.ts";

/** One copy of a context, as its holder describes it. */
export interface CopyStatus {
  readonly latest: number;
  /** At most `latest`. */
  readonly committed: number;
  /** RFC 6962, over the first `latest` entries. */
  readonly root: Uint8Array;
  /** Undefined, as `accepted`, without a cluster. */
  readonly promised: Epoch | undefined;
  readonly accepted: Epoch | undefined;
  readonly leaving: boolean;
  /** Archives that are not settled. */
  readonly pendingArchives: number;
}

/** One node that keeps a context. */
export interface HolderStatus {
  readonly nodeId: string;
  /** What the roster has of it; undefined if it is not there. */
  readonly name: string | undefined;
  readonly rpcAddress: string | undefined;
  readonly state: MemberState | undefined;
  readonly isSelf: boolean;
  readonly canWrite: boolean;
  /** What it has, or why it did not say. */
  readonly copy: CopyStatus | { readonly error: string };
}

export interface ContextStatus {
  readonly contextId: string;
  /** Best first. */
  readonly holders: readonly HolderStatus[];
  /** Undefined if no holder can take appends now. */
  readonly homeNodeId: string | undefined;
  readonly copiesRequired: number;
  /** True if copies of different lengths are known to differ where both have entries. */
  readonly isForked: boolean;
  /** How many forks this node knows of. */
  readonly forks: number;
}

/** A context that this node has a copy of, as this node sees it. */
export interface ContextSummary {
  readonly contextId: string;
  readonly holders: readonly string[];
  readonly homeNodeId: string | undefined;
  readonly accepted: Epoch | undefined;
  readonly latest: number;
  readonly committed: number;
  readonly leaving: boolean;
}

/** A fork that this node knows of. */
export interface ForkStatus {
  readonly contextId: string;
  /** Entries up to this one are in both histories. */
  readonly after: number;
  /** How many entries lost their place. */
  readonly count: number;
  /** Content hashes, packed, of the first of them. */
  readonly hashes: Uint8Array;
  readonly winner: Epoch;
  readonly loser: Epoch;
  readonly foundAtNs: bigint;
  /** True if this node still keeps an archive of it. */
  readonly isPending: boolean;
}

/** Arguments are checked before. All reject with LedgerError. */
export interface ReplicationView {
  /**
   * Asks every holder, a bounded time each, until `signal` fires. Rejects with NOT_FOUND CONTEXT_NOT_FOUND if none that
   * answered has the context.
   */
  contextStatus(contextId: string, signal: AbortSignal): Promise<ContextStatus>;
  /** Returns contexts of this node in the byte order of their ids; asks nobody else. `startAfter` is exclusive. */
  list(range: {
    readonly prefix: string;
    readonly startAfter: string;
    readonly limit: number;
  }): Promise<{ readonly contexts: readonly ContextSummary[]; readonly more: boolean }>;
  /** Returns at most `limit` forks of one context, or of all if none is named, oldest first. New ones are always last. */
  forks(contextId: string | undefined, limit: number): Promise<readonly ForkStatus[]>;
}
