import { FalseAlarms } from "../check/false-alarms.ts";
import type { Cluster } from "../harness/cluster.ts";
import { SeededRandom } from "../harness/seeded-random.ts";

const stallMsMin = 500;
const pauseMsMax = 5000;

export interface Slowness {
  readonly seed: number;
  readonly seconds: number;
  /** Of the nodes that are slow. */
  readonly part: number;
  readonly stallMsMax: number;
}

/**
 * Makes a part of the nodes slow, which stall again and again, and returns how many healthy ones somebody takes for
 * dead. Who stalls when depends on the seed alone, so clusters can be compared.
 */
export function slowNodes(
  cluster: Cluster,
  { seed, seconds, part, stallMsMax }: Slowness,
): { readonly falseDeaths: number; readonly falseSuspects: number } {
  const { simulation } = cluster;
  const random = new SeededRandom(seed, 77);
  const slow = new Set(random.distinct(Math.round(part * cluster.size), cluster.size));
  const endMs = simulation.nowMs + seconds * 1000;
  for (const machine of slow) {
    let atMs = simulation.nowMs + random.between(0, pauseMsMax);
    while (atMs < endMs) {
      const forMs = random.between(stallMsMin, stallMsMax);
      simulation.at(atMs, () => simulation.stall(machine, forMs));
      atMs += forMs + random.between(0, pauseMsMax);
    }
  }
  using alarms = new FalseAlarms(cluster, (subject) => !slow.has(subject));
  simulation.run(seconds * 1000);
  return { falseDeaths: alarms.deaths, falseSuspects: alarms.suspected.size };
}
