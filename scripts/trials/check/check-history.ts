import { duplicates, foreigners, lost, torn, unfitHashes } from "./entries.ts";
import type { History } from "./history.ts";
import { changedAcknowledgements, changedSightings, vanished } from "./permanence.ts";
import { outOfOrder, outOfOrderMoved } from "./order.ts";
import { copiesDiffer, forkedCheckpoints, gapsInCopies, wrongRoots } from "./replicas.ts";
import { tooFewCopies, unanswered, unfaithfulRepeats, unreached } from "./answers.ts";
import { statusViolations } from "./statuses.ts";
import { watchViolations } from "./watches.ts";

/**
 * Decides whether a cluster kept its promises, from what a client saw. Returns what it broke, in words; an empty list if
 * nothing. Pure.
 */
export function checkHistory(history: History): readonly string[] {
  const isFinal = history.writeCopies !== "1";
  return [
    ...copiesDiffer(history),
    ...gapsInCopies(history),
    ...wrongRoots(history),
    ...unfitHashes(history),
    ...lost(history),
    ...duplicates(history),
    ...foreigners(history),
    ...torn(history),
    ...vanished(history),
    ...(isFinal
      ? [...changedAcknowledgements(history), ...changedSightings(history), ...forkedCheckpoints(history)]
      : []),
    ...(isFinal ? outOfOrder(history) : outOfOrderMoved(history)),
    ...tooFewCopies(history),
    ...unreached(history),
    ...unanswered(history),
    ...unfaithfulRepeats(history),
    ...watchViolations(history),
    ...statusViolations(history),
  ];
}
