import { asError } from "../../core/as-error.ts";
import { compareEpochs } from "../../core/epoch.ts";
import { homeOf } from "../../sync/view.ts";
import { askHolding } from "./ask-holding.ts";
import type { ContextReplica } from "./context-replica.ts";
import type { ReplicationParts } from "./parts.ts";

/**
 * Takes what another node has of who keeps a context, if it has accepted more; and becomes the home if by that this node is to,
 * though as far as it knew another was that has gone. Where one copy is enough two nodes may have led the context, each with
 * holders of its own: the later epoch stands, whoever notices. Never rejects: a node that does not answer is compared again.
 */
export async function learnFrom(
  parts: ReplicationParts,
  replica: ContextReplica,
  nodeId: string,
): Promise<void> {
  const { view, log } = parts;
  try {
    const holding = await askHolding(parts, nodeId, replica.contextId);
    if (holding === undefined || holding.leaving) return;
    await replica.learn(holding);
    const { terms, isHolder } = replica;
    if (terms === undefined || !isHolder || compareEpochs(holding.accepted, terms.accepted) <= 0) return;
    const { holders } = holding;
    if (homeOf(holders, view) === view.selfId) await replica.ensureLead({ holders, isNew: false });
  } catch (error) {
    log.debug("what a node has of who keeps a context was not taken", { error: asError(error).message });
  }
}
