import { createGossipCounters, noRefusals } from "../node/gossip/gossip-counters.ts";
import type { GossipNode } from "../node/gossip/gossip-node.ts";
import type { GossipCounts } from "../rpc/cluster.ts";
import { newCounters } from "../swim/counters.ts";

/** What gossip counts before its first life. */
export const noCounts: GossipCounts = {
  ...createGossipCounters(),
  ...newCounters(),
  refused: noRefusals,
};

/** Returns the counts of the lives before and of one more. */
export function addCounts(before: GossipCounts, life: GossipNode["counters"]): GossipCounts {
  const sums: Record<string, number> = {};
  for (const [name, count] of Object.entries(before)) {
    const more: unknown = life[name as keyof typeof life];
    if (typeof count === "number") sums[name] = count + (typeof more === "number" ? more : 0);
  }
  const refused: Record<string, number> = {};
  for (const counts of [before.refused, life.refused])
    for (const [why, count = 0] of Object.entries(counts)) refused[why] = (refused[why] ?? 0) + count;
  return { ...before, ...sums, refused };
}
