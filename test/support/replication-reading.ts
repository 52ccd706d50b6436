import type { ReplicationReading } from "../../src/rpc/replication-reading.ts";

/** Numbers that can be told from each other. */
export const replicationReading: ReplicationReading = {
  peers: {
    connections: { in: 2, out: 3 },
    dialled: 301,
    accepted: 302,
    dialFailures: 303,
    refusals: { versions: 304, key: 305 },
    silences: 306,
    violations: 307,
    bytesIn: 308,
    bytesOut: 309,
    asked: { rows: { OK: 310, DATA_LOSS: 311 } },
    answered: { replicate: { OK: 312 } },
  },
  led: { contexts: 40, behind: 5, short: 0, entriesWaiting: 60 },
  comparisons: { rounds: 313, differing: 314 },
  takeovers: 315,
  repairs: { entries: 316, nodes: 317, failures: 318 },
  forks: 319,
  archivesPending: 0,
  holderChanges: { added: 320, removed: 321, dropped: 322 },
};
