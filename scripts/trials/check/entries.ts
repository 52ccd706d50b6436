/** Every acknowledged entry is there exactly once, whatever the setting; nothing is there that nobody sent. */

import type { History } from "./history.ts";
import { contextsOf, few, referenceOf } from "./reference.ts";

/** Acknowledged entries that are in no final history. */
export function lost(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const copy = referenceOf(history, contextId);
    const byId = new Map((copy?.entries ?? []).map((entry) => [entry.id, entry]));
    return history.sent.flatMap(({ contextId: sentTo, acknowledged, payload }) => {
      if (sentTo !== contextId || acknowledged === undefined) return [];
      const { id, sequence, node } = acknowledged;
      const entry = byId.get(id);
      const what = `${contextId}: entry ${id} (${payload}), acknowledged by ${node} at ${sequence},`;
      if (entry === undefined) return [`${what} is lost`];
      return entry.payload === payload ? [] : [`${what} has another payload: ${entry.payload}`];
    });
  });
  return few(found);
}

/** Ids or payloads that are there more than once. */
export function duplicates(history: History): readonly string[] {
  const found = history.finals.flatMap(({ node, contextId, entries }) =>
    (["id", "payload"] as const).flatMap((field) =>
      [...Map.groupBy(entries, (entry) => entry[field])]
        .filter(([, same]) => same.length > 1)
        .map(
          ([value, same]) =>
            `${contextId} at ${node}: ${field} ${value} is there ${same.length} times, at ${same.map(({ sequence }) => sequence).join(", ")}`,
        ),
    ),
  );
  return few(found);
}

/** Entries that nobody sent. */
export function foreigners(history: History): readonly string[] {
  const sent = new Set(history.sent.map(({ contextId, payload }) => `${contextId}\n${payload}`));
  const found = history.finals.flatMap(({ node, contextId, entries }) =>
    entries
      .filter(({ payload }) => !sent.has(`${contextId}\n${payload}`))
      .map(({ sequence, payload }) => `${contextId} at ${node}: nobody sent entry ${sequence} (${payload})`),
  );
  return few(found);
}

/** Batches of which only a part is there, or not side by side. */
export function torn(history: History): readonly string[] {
  const batches = Map.groupBy(
    history.sent.filter(({ batch }) => batch !== undefined),
    ({ batch }) => batch,
  );
  const found = contextsOf(history).flatMap((contextId) => {
    const there = new Map(
      (referenceOf(history, contextId)?.entries ?? []).map(({ payload, sequence }) => [payload, sequence]),
    );
    return [...batches.values()].flatMap((batch) => {
      if (batch[0]?.contextId !== contextId) return [];
      const at = batch.flatMap(({ payload }) => there.get(payload) ?? []);
      const isWhole = at.length === 0 || at.length === batch.length;
      const isTogether = at.every((sequence, i) => i === 0 || sequence === (at[i - 1] ?? 0) + 1);
      if (isWhole && isTogether) return [];
      return [
        `${contextId}: batch ${batch[0].batch} of ${batch.length} entries is cut: they are at ${at.join(", ")}`,
      ];
    });
  });
  return few(found);
}

/** Entries whose hash is not that of their content. */
export function unfitHashes(history: History): readonly string[] {
  const found = history.finals.flatMap(({ node, contextId, entries }) =>
    entries
      .filter(({ hashFits }) => !hashFits)
      .map(
        ({ sequence }) => `${contextId} at ${node}: the hash of entry ${sequence} is not that of its content`,
      ),
  );
  return few(found);
}
