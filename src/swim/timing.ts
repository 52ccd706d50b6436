/** How patient a cluster is. The numbers are memberlist's, so that members of both kinds agree. */
export interface Timing {
  /** Of one exchange on a stream. */
  readonly streamTimeoutMs: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** Members that are asked to probe somebody who did not answer. */
  readonly indirectChecks: number;
  readonly suspicionMult: number;
  readonly suspicionMaxTimeoutMult: number;
  /** Health scores are below this; 1 turns Lifeguard's local health off, as a `suspicionMaxTimeoutMult` of 1 does with its patience. */
  readonly awarenessMax: number;
  readonly retransmitMult: number;
  readonly gossipIntervalMs: number;
  /** Members that each round of gossip goes to. */
  readonly gossipNodes: number;
  /** How long the dead are still told what is said about them. */
  readonly gossipToTheDeadMs: number;
  readonly pushPullIntervalMs: number;
  /** How often a seed that is no member, or a dead member, is contacted. */
  readonly reconnectIntervalMs: number;
}

export type TimingProfile = "lan" | "wan" | "local";

/**
 * [memberlist's defaults](https://github.com/hashicorp/memberlist/blob/master/config.go), but that `local` passes each message
 * on three times and not twice: among few nodes too often one heard neither of a suspicion nor of the death it ended with, and
 * found out by itself, many seconds later. Reconnecting is Serf's.
 */
export const timingProfiles: Readonly<Record<TimingProfile, Timing>> = {
  lan: {
    streamTimeoutMs: 10_000,
    probeIntervalMs: 1000,
    probeTimeoutMs: 500,
    indirectChecks: 3,
    suspicionMult: 4,
    suspicionMaxTimeoutMult: 6,
    awarenessMax: 8,
    retransmitMult: 4,
    gossipIntervalMs: 200,
    gossipNodes: 3,
    gossipToTheDeadMs: 30_000,
    pushPullIntervalMs: 30_000,
    reconnectIntervalMs: 30_000,
  },
  wan: {
    streamTimeoutMs: 30_000,
    probeIntervalMs: 5000,
    probeTimeoutMs: 3000,
    indirectChecks: 3,
    suspicionMult: 6,
    suspicionMaxTimeoutMult: 6,
    awarenessMax: 8,
    retransmitMult: 4,
    gossipIntervalMs: 500,
    gossipNodes: 4,
    gossipToTheDeadMs: 60_000,
    pushPullIntervalMs: 60_000,
    reconnectIntervalMs: 30_000,
  },
  local: {
    streamTimeoutMs: 1000,
    probeIntervalMs: 1000,
    probeTimeoutMs: 200,
    indirectChecks: 1,
    suspicionMult: 3,
    suspicionMaxTimeoutMult: 6,
    awarenessMax: 8,
    retransmitMult: 3,
    gossipIntervalMs: 100,
    gossipNodes: 3,
    gossipToTheDeadMs: 15_000,
    pushPullIntervalMs: 15_000,
    reconnectIntervalMs: 5000,
  },
};
