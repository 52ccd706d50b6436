import { Sightings } from "../check/sightings.ts";
import type { Cluster } from "../harness/cluster.ts";

/** Milliseconds after a crash. */
export interface CrashTimes {
  readonly firstSuspectedMs: number;
  readonly firstDeadMs: number;
  readonly knownBy99Ms: number;
  readonly knownByAllMs: number;
}

const limitMs = 120_000;

/** Ends one process of a cluster that is at rest, and lets time go on until every other one knows. */
export function oneCrash(cluster: Cluster): CrashTimes {
  const { simulation } = cluster;
  simulation.run(2000 + simulation.random.below(2000));
  const victim = simulation.random.pick(cluster.alive());
  using suspected = new Sightings(cluster, victim, "suspected");
  using died = new Sightings(cluster, victim, "died");
  cluster.crash(victim);
  const beganMs = simulation.nowMs;
  const observers = cluster.alive();
  simulation.runUntil(() => died.count >= observers.length, limitMs);
  return {
    firstSuspectedMs: suspected.firstMs - beganMs,
    firstDeadMs: died.firstMs - beganMs,
    knownBy99Ms: died.whenMs(0.99, observers) - beganMs,
    knownByAllMs: died.whenMs(1, observers) - beganMs,
  };
}
