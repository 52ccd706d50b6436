import { disagreements } from "../check/agreement.ts";
import type { Cluster } from "../harness/cluster.ts";

const limitMs = 300_000;
const downMsMax = 20_000;
const cutMsMax = 15_000;
const stallMsMax = 8000;
const jumpMsMax = 3000;

/**
 * Lets everything happen to a cluster that may, one thing after the other at random times: crashes of processes and
 * hosts, restarts, good-byes, new nodes, partitions and cuts of one direction, stalls, and clocks that jump.
 */
export function chaos(cluster: Cluster, events: number, pauseMsMax: number): void {
  const { simulation } = cluster;
  const { random } = simulation;
  for (let event = 0; event < events; event++) {
    simulation.run(random.between(0, pauseMsMax));
    disturb(cluster);
  }
}

/** Starts every process that crashed, lets the network be whole, and returns how members differ in the end. */
export function afterwards(cluster: Cluster): { readonly tookMs: number; readonly disagreements: string[] } {
  const { simulation } = cluster;
  // Every crash, cut and stall ends by itself within this.
  simulation.run(downMsMax + cutMsMax + stallMsMax);
  const tookMs = simulation.runUntil(() => disagreements(cluster).length === 0, limitMs, 1000);
  return { tookMs: tookMs ?? Number.POSITIVE_INFINITY, disagreements: disagreements(cluster) };
}

function disturb(cluster: Cluster): void {
  const { simulation } = cluster;
  const { random } = simulation;
  const running = cluster.alive();
  const machine = random.pick(running);
  const lasts = (msMax: number) => simulation.nowMs + random.between(0, msMax);
  switch (random.below(9)) {
    case 0:
      // Half of the founders stay, so that somebody knows everybody.
      if (running.length * 2 > cluster.size)
        crashFor(cluster, machine, { host: random.below(2) === 0 }, lasts(downMsMax));
      break;
    case 1:
      if (running.length * 2 > cluster.size) cluster.leave(machine);
      break;
    case 2:
      if (running.length * 2 > cluster.size) {
        cluster.stop(machine);
        simulation.at(lasts(downMsMax) + jumpMsMax, () => restart(cluster, machine));
      }
      break;
    case 3:
      cluster.join(cluster.add(), running);
      break;
    case 4: {
      const pivot = random.below(cluster.size);
      simulation.at(
        lasts(cutMsMax),
        simulation.network.partition((one) => one < pivot),
      );
      break;
    }
    case 5: {
      const other = random.pick(running);
      const heal = simulation.network.cutOneWay(
        (from) => from === machine,
        (to) => to === other,
      );
      simulation.at(lasts(cutMsMax), heal);
      break;
    }
    case 6:
      simulation.stall(machine, random.between(0, stallMsMax));
      break;
    case 7:
      simulation.jumpClock(machine, { processMs: random.between(0, jumpMsMax) });
      break;
    case 8:
      simulation.jumpClock(machine, { wallMs: random.between(-jumpMsMax, jumpMsMax) });
      break;
  }
}

function crashFor(cluster: Cluster, machine: number, kind: { host: boolean }, untilMs: number): void {
  cluster.crash(machine, kind);
  cluster.simulation.at(untilMs, () => restart(cluster, machine));
}

function restart(cluster: Cluster, machine: number): void {
  if (cluster.simulation.node(machine) === undefined && cluster.fate(machine) === "dead")
    cluster.join(machine, cluster.alive());
}
