/**
 * Which holder of a context comes or goes next, so that in the end the best placed nodes keep it. One at a time: then any
 * holders that are enough before a change have one in common with any that are enough after it.
 *
 * @module
 */

import type { ClusterView } from "./view.ts";

export interface HolderChangeOptions {
  /** Who keeps the context now. */
  readonly holders: readonly string[];
  /** Every node of the roster, best placed first. */
  readonly placed: readonly string[];
  /** How many are to keep it. */
  readonly replicas: number;
  readonly view: Pick<ClusterView, "selfId" | "isAlive">;
  /** True for nodes that have been dead for so long that others take their place. */
  readonly isGivenUp: (nodeId: string) => boolean;
}

/** The holders after the next change, best placed first, and who comes or goes. */
export type HolderChange =
  | { readonly kind: "add"; readonly holders: readonly string[]; readonly nodeId: string }
  | { readonly kind: "remove"; readonly holders: readonly string[]; readonly nodeId: string };

/** Returns what the home of a context does about its holders next; undefined if they are as they should be, or cannot be. */
export function nextHolderChange(options: HolderChangeOptions): HolderChange | undefined {
  const { holders, placed, replicas, view, isGivenUp } = options;
  const usable = placed.filter((nodeId) => !isGivenUp(nodeId));
  // With fewer nodes than copies the dead stay: they may come back with theirs.
  const wanted = usable.length >= replicas ? usable.slice(0, replicas) : placed.slice(0, replicas);
  const newcomer = wanted.find((nodeId) => !holders.includes(nodeId) && view.isAlive(nodeId));
  if (newcomer !== undefined && holders.length <= replicas)
    return { kind: "add", nodeId: newcomer, holders: inOrder([...holders, newcomer], placed) };
  if (holders.length <= replicas) return undefined;
  const surplus = holders.filter((nodeId) => !wanted.includes(nodeId) && nodeId !== view.selfId);
  // Whoever is not there any more goes first; then whoever is placed worst.
  const gone = surplus.find((nodeId) => !view.isAlive(nodeId)) ?? surplus.at(-1);
  if (gone === undefined) return undefined;
  return { kind: "remove", nodeId: gone, holders: holders.filter((nodeId) => nodeId !== gone) };
}

/** Nodes that are in nobody's roster any more come last. */
function inOrder(nodeIds: readonly string[], placed: readonly string[]): readonly string[] {
  const rank = (nodeId: string): number => {
    const place = placed.indexOf(nodeId);
    return place === -1 ? placed.length : place;
  };
  return nodeIds.toSorted((a, b) => rank(a) - rank(b));
}
