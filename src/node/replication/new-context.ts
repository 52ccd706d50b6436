import { placementOrder } from "../../core/placement.ts";
import { promisesRequired } from "../../core/write-copies.ts";
import type { ReplicationParts } from "./parts.ts";
import { unheard } from "./refusals.ts";

/** Returns who would keep a context that began now. */
export function placedHolders(
  { view, rules, hasher }: Pick<ReplicationParts, "view" | "rules" | "hasher">,
  contextId: string,
): readonly string[] {
  return placementOrder(contextId, view.roster(), hasher).slice(0, rules.replicas);
}

/**
 * Throws UNAVAILABLE if nodes that did not say what they have of a context may be enough to have committed entries of it; where
 * every copy is needed for that, one of them may have left with its node.
 */
export function checkNobodyHas(
  { view, rules }: Pick<ReplicationParts, "view" | "rules">,
  contextId: string,
  silent: readonly string[],
): void {
  if (rules.writeCopies === "1") return;
  const most = Math.min(rules.replicas, view.roster().length);
  const isAmongAlive = silent.some((nodeId) => view.isAlive(nodeId));
  if (isAmongAlive || silent.length >= promisesRequired(rules.writeCopies, most))
    throw unheard(contextId, silent, view);
}
