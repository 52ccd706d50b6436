import { MemberChangeKind, MemberState } from "../../../src/gen/converge/ledger/v1/membership_pb.ts";
import type { LedgerCluster } from "./ledger-cluster.ts";
import type { LedgerNode } from "./ledger-node.ts";

/** How long things took in a cluster of processes, in milliseconds. */
export interface RoundTimes {
  /** From the kill until all others take the node for dead. */
  readonly deaths: number[];
  /** From the call until all others know that the node has left. */
  readonly leaves: number[];
  /** From the start of a process until it sees all others and all see it. */
  readonly joins: number[];
}

/** Probes come once in such a time: a round begins anywhere in it. */
const phaseMs = 1000;
const freezeMs = 3000;

/** Kills a node after the other with signal 9, and starts each again. */
export async function killRounds(cluster: LedgerCluster, rounds: number, times: RoundTimes): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const victim = nodeOf(cluster, round);
    await Bun.sleep(Math.random() * phaseMs);
    const atMs = await victim.kill();
    times.deaths.push((await cluster.othersSee(victim, MemberState.DEAD)) - atMs);
    times.joins.push(await cluster.startAgain(victim));
  }
}

/** Lets a node after the other say good-bye, and starts each again. */
export async function leaveRounds(cluster: LedgerCluster, rounds: number, times: RoundTimes): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const leaver = nodeOf(cluster, round);
    await Bun.sleep(Math.random() * phaseMs);
    const atMs = await leaver.leave();
    times.leaves.push((await cluster.othersSee(leaver, MemberState.LEFT)) - atMs);
    await leaver.kill();
    times.joins.push(await cluster.startAgain(leaver));
  }
}

/** Stops a node after the other for three seconds; returns how often anybody was then suspected, or taken for dead. */
export async function freezeRounds(
  cluster: LedgerCluster,
  rounds: number,
): Promise<{ readonly suspicions: number; readonly deaths: number }> {
  const told = cluster.reports.length;
  for (let round = 0; round < rounds; round++) {
    const frozen = nodeOf(cluster, round);
    await Bun.sleep(Math.random() * phaseMs);
    frozen.signal("SIGSTOP");
    await Bun.sleep(freezeMs);
    frozen.signal("SIGCONT");
    await Bun.sleep(phaseMs);
    await cluster.allSeeAll();
  }
  return alarmsSince(cluster, told);
}

/** Kills a node for good; returns how often its neighbours suspect each other in the time after they know. */
export async function besideTheDead(
  cluster: LedgerCluster,
  seconds: number,
): Promise<{ readonly suspicions: number; readonly deaths: number }> {
  const dead = nodeOf(cluster, cluster.nodes.length - 1);
  await dead.kill();
  await cluster.othersSee(dead, MemberState.DEAD);
  const told = cluster.reports.length;
  await Bun.sleep(seconds * 1000);
  return alarmsSince(cluster, told);
}

function nodeOf(cluster: LedgerCluster, round: number): LedgerNode {
  const node = cluster.nodes[round % cluster.nodes.length];
  if (node === undefined) throw new Error("the cluster has no nodes");
  return node;
}

function alarmsSince(
  cluster: LedgerCluster,
  told: number,
): { readonly suspicions: number; readonly deaths: number } {
  const changes = cluster.reports.slice(told).map(({ change }) => change);
  const count = (kind: MemberChangeKind) => changes.filter((change) => change === kind).length;
  return { suspicions: count(MemberChangeKind.SUSPECTED), deaths: count(MemberChangeKind.DIED) };
}
