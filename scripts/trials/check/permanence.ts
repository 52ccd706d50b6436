/** Under majority and all nothing that was acknowledged, read or watched ever changes; under 1 nothing vanishes. */

import type { History, Seen } from "./history.ts";
import { contextsOf, few, finalEntries, referenceOf } from "./reference.ts";

/** Acknowledged entries that stand elsewhere, or with another hash, than their acknowledgement said. */
export function changedAcknowledgements(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const byId = new Map((referenceOf(history, contextId)?.entries ?? []).map((entry) => [entry.id, entry]));
    return history.sent.flatMap(({ contextId: sentTo, acknowledged: said }) => {
      if (sentTo !== contextId || said === undefined) return [];
      const entry = byId.get(said.id);
      if (entry === undefined) return [];
      const what = `${contextId}: entry ${said.id} was acknowledged by ${said.node}`;
      if (entry.sequence !== said.sequence)
        return [`${what} at sequence ${said.sequence} and is at ${entry.sequence}`];
      if (entry.contentHash !== said.contentHash)
        return [`${what} at ${said.sequence} with hash ${said.contentHash} and has ${entry.contentHash}`];
      return [];
    });
  });
  return few(found);
}

/** Two histories of one context: somebody saw another entry at a sequence than is there in the end. */
export function changedSightings(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const final = finalEntries(history, contextId);
    return sightings(history, contextId).flatMap(({ who, entry }) => {
      const there = final.get(entry.sequence);
      if (there?.contentHash === entry.contentHash) return [];
      const now = there === undefined ? "nothing is there" : `now ${there.id} is there`;
      return [`${contextId}: ${who} entry ${entry.id} at ${entry.sequence}, ${now}`];
    });
  });
  return few(found);
}

/** Ids that somebody saw and that are in no final history. */
export function vanished(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const ids = new Set((referenceOf(history, contextId)?.entries ?? []).map(({ id }) => id));
    return sightings(history, contextId)
      .filter(({ entry }) => !ids.has(entry.id))
      .map(({ who, entry }) => `${contextId}: ${who} entry ${entry.id} at ${entry.sequence}, which vanished`);
  });
  return few(found);
}

interface Sighting {
  readonly who: string;
  readonly entry: Seen;
}

/** Everything that readers, watchers and nodes showed of a context, each form once. */
function sightings(history: History, contextId: string): readonly Sighting[] {
  const found = new Map<string, Sighting>();
  const add = (who: string, entry: Seen): void => {
    const form = `${entry.sequence} ${entry.id} ${entry.contentHash}`;
    if (!found.has(form)) found.set(form, { who, entry });
  };
  for (const { node, contextId: of, events } of history.watches)
    if (of === contextId)
      for (const event of events)
        if (event.kind === "entry") add(`a watcher at ${node} was sent`, event.entry);
  for (const { node, contextId: of, entries } of history.reads)
    if (of === contextId) for (const entry of entries) add(`a reader at ${node} saw`, entry);
  return [...found.values()];
}
