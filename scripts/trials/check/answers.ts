/** What answers say of themselves. */

import type { History } from "./history.ts";
import { few } from "./reference.ts";

/** Acknowledgements that name fewer copies than the cluster promises, or more than there are holders. */
export function tooFewCopies({ sent, writeCopies }: History): readonly string[] {
  const found = sent.flatMap(({ contextId, acknowledged }) => {
    if (acknowledged === undefined) return [];
    const { copies, holders, sequence } = acknowledged;
    const least = writeCopies === "1" ? 1 : writeCopies === "all" ? holders : Math.floor(holders / 2) + 1;
    return copies >= least && copies <= holders
      ? []
      : [`${contextId}: ${sequence} was acknowledged with ${copies} of ${holders} copies, not ${least}`];
  });
  return few(found);
}

/** Reads that were answered without what they had to have. */
export function unreached({ reads }: History): readonly string[] {
  const found = reads
    .filter(({ latestSequence, minSequence }) => latestSequence < minSequence)
    .map(
      ({ node, contextId, latestSequence, minSequence }) =>
        `${contextId}: ${node} was asked for sequence ${minSequence} at least and answered as of ${latestSequence}`,
    );
  return few(found);
}

/** Acknowledged entries that were sent again with their idempotency key, and became others or were not known. */
export function unfaithfulRepeats({ repeats, writeCopies }: History): readonly string[] {
  const found = repeats.flatMap(({ contextId, payload, first, again }) => {
    const what = `${contextId}: ${payload} was sent again with its idempotency key to ${again.node}, which`;
    if (again.id !== first.id) return [`${what} made entry ${again.id} of it, not ${first.id}`];
    if (!again.duplicate) return [`${what} did not call it a duplicate`];
    const isSame = again.sequence === first.sequence && again.contentHash === first.contentHash;
    if (isSame || writeCopies === "1") return [];
    return [`${what} answered sequence ${again.sequence} for ${first.sequence}, or another hash`];
  });
  return few(found);
}

/** Entries that were repeated after healing until somebody ran out of patience. */
export function unanswered({ sent }: History): readonly string[] {
  const found = sent
    .filter(({ acknowledged, failures }) => acknowledged === undefined && failures.at(-1) === gaveUp)
    .map(
      ({ contextId, payload, failures }) =>
        `${contextId}: ${payload} was never acknowledged, not even after healing (${[...new Set(failures)].join(", ")})`,
    );
  return few(found);
}

/** Stands behind the failures of an entry that a writer would still have liked to have acknowledged at the end. */
export const gaveUp = "GAVE_UP";
