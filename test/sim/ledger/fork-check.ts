import { limits } from "../../../src/core/limits.ts";
import { forkKey } from "../../../src/ledger/fork-records.ts";
import type { World } from "./world.ts";

/** Tells if those that keep a context, once everything has come to rest, do not know of the same forks of it. */
export async function checkForkRecords(
  world: World,
  contextId: string,
  violated: (text: string) => void,
): Promise<void> {
  const known = new Map<string, number[]>();
  for (const { disk, machine } of world.present()) {
    if ((await disk.contents.head(contextId)) === undefined) continue;
    if ((await disk.contents.replica(contextId))?.leaving === true) continue;
    const forks = await disk.contents.forks(contextId, limits.forksPerContextMax);
    const keys = forks.map(forkKey).sort().join("; ");
    known.set(keys, [...(known.get(keys) ?? []), machine]);
  }
  if (known.size < 2) return;
  const told = [...known].map(([keys, machines]) => `[${keys}] on ${machines.join(" and ")}`);
  violated(`fork records: of ${contextId} there are ${told.join(", ")}`);
}
