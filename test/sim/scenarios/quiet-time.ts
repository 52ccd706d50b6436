import { percentile } from "../../../scripts/bench/measure/statistics.ts";
import { FalseAlarms } from "../check/false-alarms.ts";
import type { Cluster } from "../harness/cluster.ts";

/** What one node sends in a second, on average, while nothing happens. */
export interface IdleLoad {
  readonly probeMessages: number;
  readonly otherPackets: number;
  readonly packetBytes: number;
  readonly streams: number;
  readonly streamBytes: number;
}

/** Lets a cluster be for a while, and tells what it sends. */
export function idleLoad(cluster: Cluster, seconds: number): IdleLoad {
  const { simulation } = cluster;
  // Probes begin within their first interval.
  simulation.run(3000);
  const { traffic } = simulation;
  traffic.reset();
  simulation.run(seconds * 1000);
  const perNode = (count: number) => count / seconds / cluster.alive().length;
  const probes = traffic.packetsOf("ping") + traffic.packetsOf("ack");
  return {
    probeMessages: perNode(probes),
    otherPackets: perNode(traffic.packets - probes),
    packetBytes: perNode(traffic.packetBytes),
    streams: perNode(traffic.streams),
    streamBytes: perNode(traffic.streamBytes),
  };
}

export interface Alarms {
  /** Members that somebody took for dead. */
  readonly falseDeaths: number;
  /** Members that somebody suspected. */
  readonly falseSuspects: number;
  /** Of a suspicion, from a node's first word of it to the word that it is not so. */
  readonly refutationP99Ms: number;
  /** Suspicions that were still open in the end, though there was time to refute them. */
  readonly unrefuted: number;
}

/** Lets a cluster in which everybody is alive be for a while, and tells what its members thought of each other. */
export function alarmsIn(cluster: Cluster, seconds: number): Alarms {
  const { simulation } = cluster;
  using alarms = new FalseAlarms(cluster);
  simulation.run(seconds * 1000);
  const falseSuspects = alarms.suspected.size;
  // What began in the last moment has its time too.
  simulation.runUntil(() => alarms.openSuspicions === 0, 20_000);
  return {
    falseDeaths: alarms.dead.size,
    falseSuspects,
    refutationP99Ms: alarms.refutationsMs.length === 0 ? 0 : percentile(alarms.refutationsMs, 0.99),
    unrefuted: alarms.openSuspicions,
  };
}
