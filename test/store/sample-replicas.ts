import type { Epoch } from "../../src/core/epoch.ts";
import type { ForkRecord, Head, Replica, Store, Truncation } from "../../src/ledger/ports.ts";
import { sampleHead, sampleMember } from "./sample-rows.ts";

/** Returns an epoch of the node that is told by `node`. */
export function sampleEpoch(counter: number, node = 1): Epoch {
  return { counter, nodeId: sampleMember(node).nodeId };
}

/** Returns a replica with two holders of which the first has written `committed` entries. */
export function sampleReplica(contextId: string, committed: number, parts: Partial<Replica> = {}): Replica {
  return {
    contextId,
    holders: [sampleMember(1).nodeId, sampleMember(2).nodeId],
    promised: sampleEpoch(3, 2),
    accepted: sampleEpoch(1),
    committed,
    leaving: false,
    digestItem: undefined,
    ...parts,
  };
}

/** Returns the record of a fork of which one entry lost its place. */
export function sampleFork(contextId: string, after: number, parts: Partial<ForkRecord> = {}): ForkRecord {
  return {
    contextId,
    after,
    count: 1,
    hashes: new Uint8Array(32).fill(after),
    winner: sampleEpoch(2, 2),
    loser: sampleEpoch(1),
    foundAtNs: 1_700_000_000_000_000_000n + BigInt(after),
    ...parts,
  };
}

/** Returns the truncation of a context to `latest` entries. */
export function sampleTruncation(contextId: string, from: Head, latest: number, archive: number): Truncation {
  return {
    contextId,
    from,
    to: latest === 0 ? undefined : sampleHead(from.log, latest),
    archive,
    accepted: sampleEpoch(7),
    archivedAtNs: 1_700_000_000_000_000_000n + BigInt(archive),
  };
}

/** Truncates a context and returns the archive's log. Throws unless it was committed. */
export async function truncate(store: Store, contextId: string, from: Head, latest: number): Promise<number> {
  const archive = store.newLog();
  const truncations = [sampleTruncation(contextId, from, latest, archive)];
  const outcome = await store.commit({ rows: [], heads: [], truncations });
  if (outcome.kind !== "committed") throw new Error(`commit: ${outcome.kind}`);
  return archive;
}
