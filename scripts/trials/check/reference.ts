import type { FinalCopy, FinalEntry, History } from "./history.ts";

/** The copy that others are compared with: the longest one of a context. */
export function referenceOf(history: History, contextId: string): FinalCopy | undefined {
  return history.finals
    .filter((copy) => copy.contextId === contextId)
    .reduce<FinalCopy | undefined>(
      (longest, copy) =>
        longest === undefined || copy.entries.length > longest.entries.length ? copy : longest,
      undefined,
    );
}

export function contextsOf(history: History): readonly string[] {
  const named = [...history.sent, ...history.finals, ...history.watches];
  return [...new Set(named.map(({ contextId }) => contextId))].sort();
}

/** The final entries of a context by sequence. */
export function finalEntries(history: History, contextId: string): ReadonlyMap<number, FinalEntry> {
  const entries = referenceOf(history, contextId)?.entries ?? [];
  return new Map(entries.map((entry) => [entry.sequence, entry]));
}

const toldMax = 5;

/** Keeps a few of many findings of one kind, and says how many there are. */
export function few(findings: readonly string[]): readonly string[] {
  if (findings.length <= toldMax) return findings;
  return [...findings.slice(0, toldMax), `... and ${findings.length - toldMax} more of the last kind`];
}
