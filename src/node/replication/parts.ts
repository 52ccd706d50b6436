import type { Hasher } from "../../core/hasher.ts";
import type { Log } from "../../core/log.ts";
import type { Clock } from "../../ledger/ports.ts";
import type { Replicas } from "../../ledger/replicas.ts";
import type { AntiEntropyTiming } from "./anti-entropy.ts";
import type { RebalancerTiming } from "./rebalancer.ts";
import type { Peers } from "../peers/peers.ts";
import type { RepairTiming } from "./repair-keeper.ts";
import type { ClusterView, CopyRules } from "../../sync/view.ts";

/** What replication is given of the world. It awaits nothing else, so a simulation replays. */
export interface ReplicationParts {
  readonly replicas: Replicas;
  readonly peers: Peers;
  readonly view: ClusterView;
  readonly rules: CopyRules;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly log: Log;
  /** Returns a number from 0 to below 1. */
  readonly random: () => number;
  readonly timing?: ReplicationTiming;
  readonly antiEntropy?: AntiEntropyTiming;
  readonly rebalancer?: RebalancerTiming;
  readonly repairs?: RepairTiming;
}

/** How long replication waits, in milliseconds. */
export interface ReplicationTiming {
  /** For the answer to a question about what a node has. */
  readonly askMs: number;
  /** For the answer to rows that were sent. */
  readonly replicateMs: number;
  /** For a whole history to be adopted. */
  readonly adoptMs: number;
  /** A writer that has nothing committed for so long, although something waits, takes nothing more. */
  readonly stallMs: number;
  /** How soon a committed sequence is told if there is nothing else to say. */
  readonly markMs: number;
  /** How soon it is written. */
  readonly markSavedMs: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export const replicationTiming: ReplicationTiming = {
  askMs: 1000,
  replicateMs: 5000,
  adoptMs: 600_000,
  stallMs: 2000,
  markMs: 5,
  markSavedMs: 200,
  retryMsMin: 50,
  retryMsMax: 2000,
};

/** Resolves after `ms`. */
export function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
