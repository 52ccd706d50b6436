import type { WriteCopies } from "./write-copies.ts";

/** What all nodes of one cluster must have in common. */
export interface ClusterSettings {
  /** How many nodes keep each context. */
  readonly replicas: number;
  readonly writeCopies: WriteCopies;
}

/**
 * Returns how the settings of another node differ from those of this one, naming both values and the remedy; undefined if
 * they do not. A node that does not say what it has differs in nothing.
 */
export function settingsConflict(
  ours: ClusterSettings,
  theirs: Partial<ClusterSettings>,
): string | undefined {
  const pairs: readonly [flag: string, ours: number | string, theirs: number | string | undefined][] = [
    ["--replicas", ours.replicas, theirs.replicas],
    ["--write-copies", ours.writeCopies, theirs.writeCopies],
  ];
  const differing = pairs.filter(([, own, other]) => other !== undefined && other !== own);
  if (differing.length === 0) return undefined;
  const said = differing.map(([flag, own, other]) => `${flag} is ${other} there and ${own} here`);
  const remedy = differing.map(([flag, , other]) => `${flag} ${other}`);
  return `its cluster has other settings: ${said.join(", ")}; to join it, start this node with ${remedy.join(" ")}`;
}
