import { limits } from "../../../src/core/limits.ts";
import { forkKey } from "../../../src/ledger/fork-records.ts";
import type { SimulatedNode } from "./node.ts";

/** Returns what is wrong with what the holders of a context know of its forks, which is to be the same. */
export async function forkViolations(
  contextId: string,
  holders: readonly SimulatedNode[],
  { isFinal }: { readonly isFinal: boolean },
): Promise<string[]> {
  const known = await Promise.all(
    holders.map(async ({ disk }) => {
      const forks = await disk.contents.forks(contextId, limits.forksPerContextMax);
      return forks.map(forkKey).sort().join("; ");
    }),
  );
  const found: string[] = [];
  if (new Set(known).size > 1)
    found.push(`${contextId}: holders know of other forks: ${known.map((keys) => `[${keys}]`).join(" ")}`);
  if (isFinal && known.some((keys) => keys !== "")) found.push(`${contextId}: a fork was recorded`);
  return found;
}
