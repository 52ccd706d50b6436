import { compareEpochs, type Epoch } from "../core/epoch.ts";
import type { Holding, Position } from "./peer-messages.ts";

/** What one holder answered, this node's own included. */
export interface Candidate extends Position {
  readonly nodeId: string;
  /** Who keeps the context as this holder has it: known since its accepted epoch. */
  readonly holders: readonly string[];
  readonly accepted: Epoch;
  readonly committed: number;
}

/** Returns an epoch for `nodeId` above everything in `seen`; a takeover's counter is at least 2. */
export function nextEpoch(nodeId: string, seen: readonly Epoch[]): Epoch {
  return { counter: Math.max(1, ...seen.map(({ counter }) => counter)) + 1, nodeId };
}

/**
 * Returns the holder whose history stands: the one of the latest accepted epoch, among those the longest. Of equal ones
 * `selfId` is preferred, since nothing must be fetched.
 */
export function bestCandidate(candidates: readonly Candidate[], selfId: string): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    const order = best === undefined ? 1 : compareHistories(candidate, best);
    if (order > 0 || (order === 0 && candidate.nodeId === selfId)) best = candidate;
  }
  return best;
}

/** Returns a number above 0 if the history of `a` stands against that of `b`. */
export function compareHistories(
  a: Pick<Holding, "accepted" | "latest">,
  b: Pick<Holding, "accepted" | "latest">,
): number {
  return compareEpochs(a.accepted, b.accepted) || a.latest - b.latest;
}

/** Returns through where `required` holders have the history, of the newest sequence each of them has. */
export function committedThrough(latest: readonly number[], required: number): number {
  return latest.toSorted((a, b) => b - a)[required - 1] ?? 0;
}
