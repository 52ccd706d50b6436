import { compareEpochs, type Epoch } from "../../core/epoch.ts";
import { PromiseCount } from "../../sync/promise-count.ts";
import type { Candidate } from "../../sync/takeover.ts";
import { delay, type ReplicationParts, replicationTiming } from "./parts.ts";
import { deposed, tooFewHolders } from "./refusals.ts";

/** Changes of holders that one round follows. */
const changesMax = 4;

export interface PromiseRound {
  readonly contextId: string;
  readonly epoch: Epoch;
  /** As far as this node knows. */
  readonly holders: readonly string[];
  /** What this node has, which has promised itself. */
  readonly own: Candidate;
  /** Told of later epochs that others have promised. */
  readonly seen: (epoch: Epoch) => void;
}

/**
 * Asks holders to promise an epoch. Resolves with what those have that did, once they are enough of the holders that the
 * latest of them knows of. With one copy it waits for everybody who answers in time. Rejects with UNAVAILABLE.
 */
export async function askForPromises(
  { peers, view, rules, clock, timing = replicationTiming }: ReplicationParts,
  { contextId, epoch, holders, own, seen }: PromiseRound,
): Promise<{ readonly holders: readonly string[]; readonly candidates: readonly Candidate[] }> {
  const count = new PromiseCount(holders, own, rules.writeCopies);
  const isEnough = (): boolean => rules.writeCopies !== "1" && count.isEnough;
  for (let change = 0; change < changesMax; change += 1) {
    const claim = { contextId, epoch, holders: count.holders };
    const next = count.toAsk();
    const enough = Promise.withResolvers<void>();
    const asked = next.map(async (nodeId) => {
      try {
        const answer = await peers.call(nodeId, "prepare", claim, { timeoutMs: timing.askMs });
        count.answered(nodeId, answer);
        if (answer.kind === "refused") seen(answer.promised);
        if (isEnough()) enough.resolve();
      } catch {
        // Whoever does not answer has promised nothing.
      }
    });
    if (!isEnough() && next.length > 0)
      await Promise.race([enough.promise, Promise.all(asked), delay(clock, timing.askMs)]);
    if (compareEpochs(count.refusedBy, epoch) > 0) throw deposed(contextId);
    if (count.isEnough) {
      // The latest of them may know of holders that were not asked.
      const isSettled = rules.writeCopies !== "1" || count.holders === claim.holders;
      if (isSettled) return { holders: count.holders, candidates: count.candidates };
    } else if (count.holders === claim.holders && !count.followHint()) break;
  }
  throw tooFewHolders(contextId, count.holders, rules, view);
}
