import type { ContextReplica } from "./context-replica.ts";

/** What replication has done since it was started. */
export interface ReplicationCounts {
  /** Times that this node became the writer of a context. */
  takeovers: number;
  /** Times that acknowledged entries lost their place here. */
  forks: number;
  /** Entries and nodes of trees that were put right, and tries that put nothing right. */
  readonly repairs: { entries: number; nodes: number; failures: number };
}

export function createReplicationCounts(): ReplicationCounts {
  return { takeovers: 0, forks: 0, repairs: { entries: 0, nodes: 0, failures: 0 } };
}

/** The contexts whose home this node is. */
export interface LedCounts {
  contexts: number;
  /** Of which a holder is not known to have everything. */
  behind: number;
  /** Of which fewer holders are alive than an entry needs. */
  short: number;
  /** Entries that are stored here and not yet on enough others. */
  entriesWaiting: number;
}

/** Counts the contexts of which this node is the home. */
export function ledCounts(contexts: Iterable<Pick<ContextReplica, "lead" | "isShort">>): LedCounts {
  const led: LedCounts = { contexts: 0, behind: 0, short: 0, entriesWaiting: 0 };
  for (const { lead, isShort } of contexts) {
    if (lead === undefined) continue;
    led.contexts += 1;
    if (lead.latest > 0 && lead.copiesOf(lead.latest) < lead.holders.length) led.behind += 1;
    if (isShort) led.short += 1;
    led.entriesWaiting += lead.latest - lead.committed;
  }
  return led;
}
