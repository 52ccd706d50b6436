import type { Holding } from "../../../src/sync/peer-messages.ts";
import type { Terms } from "../../../src/sync/terms.ts";

export const root = new Uint8Array(32);
export const own = { counter: 3, nodeId: "b" };
export const later = { counter: 4, nodeId: "c" };

/** Returns what a node answers that has accepted `accepted` with these holders. */
export function holding(holders: readonly string[], accepted = later): Holding {
  return { holders, accepted, promised: accepted, committed: 5, leaving: false, latest: 5, root };
}

/** Returns the terms of a node that has accepted {@link own}. */
export function terms(holders: readonly string[]): Terms {
  return { holders, accepted: own, promised: own, committed: 5, leaving: false };
}
