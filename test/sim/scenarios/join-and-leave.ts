import { Sightings } from "../check/sightings.ts";
import type { Cluster } from "../harness/cluster.ts";

/** Milliseconds until members know something; infinity if they do not. */
export interface SpreadTimes {
  readonly knownBy99Ms: number;
  readonly knownByAllMs: number;
}

const limitMs = 60_000;

/** Lets a new node join a cluster at rest, and time go on until every member has it. */
export function join(cluster: Cluster): SpreadTimes & { readonly newcomerKnowsAllMs: number } {
  const { simulation } = cluster;
  simulation.run(2000 + simulation.random.below(2000));
  const observers = cluster.alive();
  const newcomer = cluster.add();
  using joined = new Sightings(cluster, newcomer, "joined");
  const beganMs = simulation.nowMs;
  cluster.join(newcomer, observers);
  const knowsAll = () => observers.every((subject) => cluster.view(newcomer, subject) === "alive");
  const newcomerKnowsAllMs = simulation.runUntil(knowsAll, limitMs, 10) ?? Number.POSITIVE_INFINITY;
  simulation.runUntil(() => joined.count >= observers.length, limitMs);
  return { ...spread(joined, observers, beganMs), newcomerKnowsAllMs };
}

/** Lets one node say good-bye, and time go on until every other one has heard it. */
export function leave(cluster: Cluster): SpreadTimes & { readonly takenForDead: number } {
  const { simulation } = cluster;
  simulation.run(2000 + simulation.random.below(2000));
  const subject = simulation.random.pick(cluster.alive());
  using left = new Sightings(cluster, subject, "left");
  using died = new Sightings(cluster, subject, "died");
  const beganMs = simulation.nowMs;
  cluster.leave(subject);
  const observers = cluster.alive();
  simulation.runUntil(() => left.count >= observers.length, limitMs);
  return { ...spread(left, observers, beganMs), takenForDead: died.count };
}

function spread(sightings: Sightings, observers: readonly number[], beganMs: number): SpreadTimes {
  return {
    knownBy99Ms: sightings.whenMs(0.99, observers) - beganMs,
    knownByAllMs: sightings.whenMs(1, observers) - beganMs,
  };
}
