/** The highest level on which a log of 2^53 - 1 entries can have a full subtree. */
export const subtreeLevelMax = 6;

/** Returns how many leaves a full subtree has, see `NewSubtree`. */
export function subtreeLeaves(level: number): number {
  return 256 ** level;
}
