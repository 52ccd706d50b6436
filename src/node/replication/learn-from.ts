import type { ContextReplica } from "./context-replica.ts";
import { type ReplicationParts, replicationTiming } from "./parts.ts";

/**
 * Takes what another node has of who keeps a context, if it has accepted more. Where one copy is enough two nodes may have led
 * it, each with holders of its own: the later epoch stands, whoever notices. Rejects with LedgerError if it does not answer.
 */
export async function learnFrom(
  { peers, timing = replicationTiming }: ReplicationParts,
  replica: ContextReplica,
  nodeId: string,
): Promise<void> {
  const { contextId } = replica;
  const { holding } = await peers.call(nodeId, "holding", { contextId }, { timeoutMs: timing.askMs });
  if (holding?.leaving === false) await replica.learn(holding);
}
