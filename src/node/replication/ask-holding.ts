import type { Holding } from "../../sync/peer-messages.ts";
import { type ReplicationParts, replicationTiming } from "./parts.ts";

/**
 * Asks another node what it has of a context; undefined if that is nothing. Rejects with LedgerError if it does not answer
 * within `timeoutMs`.
 */
export async function askHolding(
  { peers, timing = replicationTiming }: Pick<ReplicationParts, "peers" | "timing">,
  nodeId: string,
  contextId: string,
  timeoutMs = timing.askMs,
): Promise<Holding | undefined> {
  return (await peers.call(nodeId, "holding", { contextId }, { timeoutMs })).holding;
}
