/** The order of entries. */

import { type FinalEntry, type History, movedName, type Sent, type Watch } from "./history.ts";
import { contextsOf, few, referenceOf } from "./reference.ts";

/**
 * Under majority and all: what was acknowledged before something else was sent for the first time stands before it. That
 * holds for one writer as for several, since they have one clock.
 */
export function outOfOrder(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const acknowledged = history.sent.filter(
      (sent) => sent.contextId === contextId && sent.acknowledged !== undefined,
    );
    const bySending = acknowledged.toSorted((a, b) => a.firstSentMs - b.firstSentMs);
    const byAnswer = acknowledged.toSorted((a, b) => answeredMs(a) - answeredMs(b));
    let next = 0;
    let highest: Sent | undefined;
    return bySending.flatMap((sent) => {
      for (let before = byAnswer[next]; before !== undefined; before = byAnswer[next]) {
        if (answeredMs(before) >= sent.firstSentMs) break;
        if (sequenceOf(before) > sequenceOf(highest)) highest = before;
        next += 1;
      }
      if (highest === undefined || sequenceOf(sent) > sequenceOf(highest)) return [];
      return [
        `${contextId}: ${sent.payload} is at ${sequenceOf(sent)}, but ${highest.payload}, which was acknowledged before it was sent, is at ${sequenceOf(highest)}`,
      ];
    });
  });
  return few(found);
}

/**
 * Under 1: entries of one superseded history that were moved behind the one that stands keep their order. Epochs are not
 * seen from outside; what one watcher was sent without a reset between is one history.
 */
export function outOfOrderMoved(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const final = new Map((referenceOf(history, contextId)?.entries ?? []).map((entry) => [entry.id, entry]));
    return history.watches
      .filter((watch) => watch.contextId === contextId)
      .flatMap((watch) => viewsOf(watch).flatMap((view) => disorderOf(contextId, view, final)));
  });
  return few([...new Set(found)]);
}

/** A standing entry cannot be out of order with another standing one: their sequences are those that were given. */
function disorderOf(
  contextId: string,
  view: readonly { readonly id: string; readonly sequence: number }[],
  final: ReadonlyMap<string, FinalEntry>,
): readonly string[] {
  let last: FinalEntry | undefined;
  return view.flatMap(({ id, sequence }) => {
    const entry = final.get(id);
    const moved = entry?.metadata[movedName];
    // An entry that was moved twice is seen in its second form in one view, and in its first in another.
    if (entry === undefined || moved?.split(" ")[0] !== String(sequence)) return [];
    const before = last;
    last = entry;
    if (before === undefined || before.sequence < entry.sequence) return [];
    return [
      `${contextId}: ${before.payload} stood before ${entry.payload} in one history, and after it once both were moved`,
    ];
  });
}

/** What a watcher had before each reset, and at the end. */
function viewsOf({ events }: Watch): { readonly id: string; readonly sequence: number }[][] {
  const views: { readonly id: string; readonly sequence: number }[][] = [[]];
  for (const event of events) {
    const view = views.at(-1) ?? [];
    if (event.kind === "entry") view.push(event.entry);
    else if (event.kind === "reset") views.push(view.filter(({ sequence }) => sequence <= event.sequence));
  }
  return views;
}

function answeredMs({ acknowledged }: Sent): number {
  return acknowledged?.atMs ?? Number.POSITIVE_INFINITY;
}

function sequenceOf(sent: Sent | undefined): number {
  return sent?.acknowledged?.sequence ?? 0;
}
