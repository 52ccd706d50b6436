import type { Member, MemberChange } from "../core/member.ts";

/** How one place that was to be joined answered. */
export interface JoinOutcome {
  /** As it was asked for. */
  readonly address: string;
  /** Members that the node there told of, itself included; 0 if it was not reached. */
  readonly members: number;
  /** Why it failed; undefined if it did not. */
  readonly error: string | undefined;
  /** Set if it failed because the cluster there has other settings, which `error` names. */
  readonly isRefused?: true;
}

/** Which members have which gossip keys. Keys are named by their ids, never shown. */
export interface KeyReport {
  readonly keys: readonly {
    /** First 8 bytes of the key's SHA-256, in hex. */
    readonly id: string;
    /** Names of the members that can read with it. */
    readonly members: readonly string[];
    /** Names of the members that write with it. */
    readonly primaryOf: readonly string[];
  }[];
  /** Members that did not answer in time, or refused; why, in words. */
  readonly failures: readonly { readonly member: string; readonly error: string }[];
}

/** What the gossip of this node does and has done. */
export interface GossipStatus {
  /** HOST:PORT that others are told. */
  readonly address: string;
  readonly profile: string;
  readonly isEncrypted: boolean;
  readonly label: string;
  /** 0 if this node answers in time; up to 7 if it has reason to doubt itself. */
  readonly healthScore: number;
}

/** What gossip has done and met since the process started. */
export interface GossipCounts {
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Packets that the system did not take. */
  readonly sendErrors: number;
  readonly streamsIn: number;
  readonly streamsOut: number;
  readonly streamErrors: number;
  /** Streams of others that were cut because too many were open. */
  readonly streamsRefused: number;
  /** How often the event loop stood still. */
  readonly stalls: number;
  readonly probesAnswered: number;
  /** Only a helper, or a stream, brought the answer. */
  readonly probesAnsweredIndirectly: number;
  readonly probesFailed: number;
  readonly suspicions: number;
  readonly deaths: number;
  /** Times this node contradicted what was said about it. */
  readonly refutations: number;
  readonly nameConflicts: number;
  /** Whole states that were not merged because of their versions. */
  readonly versionsRefused: number;
  /** Well-formed messages that say what cannot be. */
  readonly invalidMessages: number;
  /** Packets and streams that were not read, by why: a closed set of names, each there from the start. */
  readonly refused: Readonly<Record<string, number>>;
}

/**
 * The cluster as the API sees it. A node without gossip is a cluster of its own: {@link members} has itself, and what
 * needs others throws LedgerError FAILED_PRECONDITION GOSSIP_OFF.
 */
export interface Cluster {
  /** Undefined while this node does not gossip: that is off, or the node has left, or it is about to come back. */
  status(): GossipStatus | undefined;
  /** Undefined if gossip is off. */
  counts(): GossipCounts | undefined;
  /** This node first, others by name. */
  members(): readonly Member[];
  /**
   * Whether this node knows what its cluster knows: false if it was started to join others, or others are on its roster,
   * and it has not exchanged states with one of them since. Until then it must not act as if it were alone. Once true it
   * stays true.
   */
  hasExchanged(): boolean;
  /** Calls `listener` once {@link hasExchanged} becomes true, unless it is, until the returned function is called. */
  onExchanged(listener: () => void): () => void;
  /** Calls `listener` after each change, until the returned function is called. `listener` must not throw. */
  onChange(listener: (change: MemberChange) => void): () => void;
  /** Joins the nodes at `addresses` (HOST[:PORT]; every address that a name has). Never rejects because one is not reached. */
  join(addresses: readonly string[], signal: AbortSignal): Promise<readonly JoinOutcome[]>;
  /** Says good-bye and ends gossip until {@link join}, or until the process starts again. Doing it twice is doing it once. */
  leave(): Promise<void>;
  /** Takes a dead member off the roster, everywhere. Rejects with LedgerError MEMBER_NOT_FOUND or MEMBER_NOT_DEAD. */
  forget(name: string): Promise<void>;
  /** Asks every member which keys it has. */
  listKeys(signal: AbortSignal): Promise<KeyReport>;
  /** Makes every member able to read with a key of 16, 24 or 32 bytes. */
  addKey(key: Uint8Array, signal: AbortSignal): Promise<KeyReport>;
  /** Makes every member write with a key that all can read with. `id` as in {@link KeyReport}. */
  useKey(id: string, signal: AbortSignal): Promise<KeyReport>;
  /** Makes every member forget a key that none writes with. */
  removeKey(id: string, signal: AbortSignal): Promise<KeyReport>;
}
