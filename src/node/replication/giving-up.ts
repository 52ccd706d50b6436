import { compareEpochs } from "../../core/epoch.ts";
import type { Holding } from "../../sync/peer-messages.ts";
import { commonPrefix } from "./difference.ts";
import type { ContextReplica } from "./context-replica.ts";
import { askHolding } from "./ask-holding.ts";
import type { ReplicationParts } from "./parts.ts";

/**
 * Deletes this node's copy of a context, which it has given up, if every holder has all of it, knows that this node is none,
 * and nothing of it is archived here. `newest` is what another node says who has the newest history. Returns if that was so.
 */
export async function dropIfHeld(
  parts: ReplicationParts,
  replica: ContextReplica,
  newest: Holding | undefined,
): Promise<boolean> {
  const { replicas, rules, view } = parts;
  const { contextId } = replica;
  if (newest !== undefined) await replica.learn(newest);
  const { terms } = replica;
  if (terms?.leaving !== true || (await replicas.archives(contextId)).length > 0) return false;
  const own = await replica.position();
  const committed = replica.state.head?.latest ?? 0;
  for (const nodeId of terms.holders) {
    const holding = await askHolding(parts, nodeId, contextId);
    if (holding === undefined || holding.leaving || holding.holders.includes(view.selfId)) return false;
    const order = compareEpochs(holding.accepted, terms.accepted);
    if (order < 0) return false;
    const { latest, root } = holding;
    const theirs = { contextId, from: nodeId, target: { latest, root } };
    const common = await commonPrefix(parts, replica.state, theirs, own);
    // Where one copy is enough, everything here was final: what a later epoch began without has lost its place.
    const isLost = rules.writeCopies === "1" && order > 0;
    if (common < (isLost ? own.latest : Math.min(latest, own.latest))) {
      // This node offers what only it has.
      await replica.archiveBeyond(common, holding.accepted);
      return false;
    }
    if (Math.min(common, holding.committed) < committed) return false;
  }
  await replica.drop();
  return true;
}
