import type { Cluster } from "./cluster.ts";
import { homeOf } from "./home.ts";

/** Returns names of new contexts; the home of the first one is the first node. */
export async function contextNames(
  cluster: Cluster,
  count: number,
  seed: number,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (let nth = 1; names.length < count; nth += 1) {
    const name = `trial ${seed} ${nth}`;
    if (names.length > 0 || (await homeOf(cluster, name)) === cluster.node(0)) names.push(name);
  }
  return names;
}
