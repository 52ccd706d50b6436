import { allKnowTheTruth } from "../check/agreement.ts";
import type { Cluster } from "../harness/cluster.ts";

const limitMs = 600_000;

/** Ends a part of all processes at once; returns how long it takes until the others know it of every one. */
export function massCrash(cluster: Cluster, part: number): number {
  const { simulation } = cluster;
  simulation.run(3000);
  const victims = simulation.random.distinct(Math.round(part * cluster.size), cluster.size);
  for (const victim of victims) cluster.crash(victim);
  return whenAllKnow(cluster);
}

/** Cuts a cluster in two for a while; returns how long after it is healed everybody takes everybody for alive. */
export function partition(cluster: Cluster, forMs: number): number {
  const { simulation } = cluster;
  simulation.run(3000);
  const heal = simulation.network.partition((machine) => machine % 2 === 0);
  simulation.run(forMs);
  heal();
  return whenAllKnow(cluster);
}

/**
 * Ends every process once within `withinMs`, and starts it again after at most `downMsMax`, remembering nothing; returns
 * how long after the last start everybody takes everybody for alive.
 */
export function massRestart(cluster: Cluster, withinMs: number, downMsMax: number): number {
  const { simulation } = cluster;
  simulation.run(3000);
  const beganMs = simulation.nowMs;
  const machines = cluster.alive();
  for (const machine of machines) {
    const upAtMs = beganMs + simulation.random.between(0, withinMs);
    simulation.at(Math.max(beganMs, upAtMs - simulation.random.between(0, downMsMax)), () =>
      cluster.crash(machine),
    );
    simulation.at(upAtMs, () => cluster.join(machine, machines));
  }
  simulation.run(withinMs + 1);
  return whenAllKnow(cluster);
}

function whenAllKnow(cluster: Cluster): number {
  const tookMs = cluster.simulation.runUntil(() => allKnowTheTruth(cluster), limitMs, 500);
  return tookMs ?? Number.POSITIVE_INFINITY;
}
