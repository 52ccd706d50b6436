import type { Line } from "../line.ts";
import { cpuSeconds } from "../measure/cpu-seconds.ts";
import { percentile } from "../measure/statistics.ts";
import { startLedger } from "../peers/ledger.ts";
import type { Bench } from "../run/bench.ts";
import { atMost, count, seconds } from "./at-most.ts";
import { LedgerCluster, type LedgerClusterOptions } from "./ledger-cluster.ts";
import type { LedgerNode } from "./ledger-node.ts";
import { besideTheDead, freezeRounds, killRounds, leaveRounds, type RoundTimes } from "./process-rounds.ts";

const small = 5;
const large = 50;
/** Small clusters that are tested side by side, for each round is mostly waiting. */
const sideBySide = 5;
const killsEach = 4;
const leavesEach = 2;
const freezesEach = 10;
const largeKills = 8;
const largeLeaves = 2;

const goals = {
  joinSeconds: 1,
  largeJoinSeconds: 3,
  lanDeathSeconds: 10,
  localDeathSeconds: 7,
  largeDeathSeconds: 12,
  leaveSeconds: 1,
  idleCpuPercent: 1,
  idleBytesPerSecond: 1500,
} as const;

/** What a node of a cluster at rest costs, beyond what one without a cluster does. */
export async function restLines(bench: Bench, forSeconds: number): Promise<readonly Line[]> {
  bench.log(`  a cluster of ${small} processes at rest, ${forSeconds} s`);
  await using cluster = await LedgerCluster.start(bench, { size: small, timing: "lan" });
  await using alone = await startLedger(bench);
  for (const node of cluster.nodes) node.unwatch();
  // What comes with a start is over.
  await Bun.sleep(5000);
  const before = await Promise.all(cluster.nodes.map(costOf));
  const aloneBefore = await cpuSeconds(alone.pid);
  const began = performance.now();
  await Bun.sleep(forSeconds * 1000);
  const after = await Promise.all(cluster.nodes.map(costOf));
  const aloneCpu = (await cpuSeconds(alone.pid)) - aloneBefore;
  const took = (performance.now() - began) / 1000;
  const each = (of: (cost: Cost) => number) =>
    (after.reduce((sum, cost) => sum + of(cost), 0) - before.reduce((sum, cost) => sum + of(cost), 0)) /
    cluster.nodes.length /
    took;
  const percent = (perSecond: number) => ({ value: perSecond * 100, unit: "%" }) as const;
  const ofGossip = percent(each(({ cpu }) => cpu) - aloneCpu / took);
  return [
    {
      what: `${small} processes at rest: CPU of each`,
      ours: percent(each(({ cpu }) => cpu)),
      against: { name: "without a cluster", ...percent(aloneCpu / took) },
      bar: { score: ofGossip, better: "less", atLeast: goals.idleCpuPercent },
      note: `of one core, ${forSeconds} s; judged is the difference`,
    },
    atMost(
      `${small} processes at rest: bytes of packets that each sends`,
      { value: each(({ bytesOut }) => bytesOut), unit: "B/s" },
      goals.idleBytesPerSecond,
    ),
  ];
}

/** How fast small clusters take note of who is killed, leaves and joins, and that nobody else is suspected. */
export async function smallClusterLines(bench: Bench): Promise<readonly Line[]> {
  const lan = newTimes();
  const local = newTimes();
  bench.log(`  ${sideBySide} clusters of ${small} processes, lan`);
  const freezes = await sideBySideIn(bench, { size: small, timing: "lan" }, async (cluster) => {
    await killRounds(cluster, killsEach, lan);
    await leaveRounds(cluster, leavesEach, lan);
    return await freezeRounds(cluster, freezesEach);
  });
  bench.log(`  ${sideBySide} clusters of ${small} processes, local`);
  await sideBySideIn(bench, { size: small, timing: "local" }, async (cluster) => {
    await killRounds(cluster, killsEach, local);
  });
  const suspicions = freezes.reduce((sum, told) => sum + told.suspicions, 0);
  const deaths = freezes.reduce((sum, told) => sum + told.deaths, 0);
  return [
    deathLine(`${small} processes, kill -9 known by all, lan, p95`, lan, goals.lanDeathSeconds),
    deathLine(`${small} processes, kill -9 known by all, local, p95`, local, goals.localDeathSeconds),
    longestLine(`${small} processes: a good-bye is known by all`, lan.leaves, goals.leaveSeconds),
    longestLine(
      `${small} processes: from the start of one until all see it`,
      [...lan.joins, ...local.joins],
      goals.joinSeconds,
    ),
    atMost(
      `${small} processes, one stopped for 3 s, ${sideBySide * freezesEach} times: taken for dead`,
      count(deaths),
      0,
      `suspicions, of each node that told of one: ${suspicions}`,
    ),
  ];
}

export async function largeClusterLines(bench: Bench): Promise<readonly Line[]> {
  bench.log(`  a cluster of ${large} processes`);
  await using cluster = await LedgerCluster.start(bench, { size: large, timing: "lan" });
  const times = newTimes();
  await killRounds(cluster, largeKills, times);
  await leaveRounds(cluster, largeLeaves, times);
  return [
    deathLine(`${large} processes, kill -9 known by all, lan, p95`, times, goals.largeDeathSeconds),
    longestLine(
      `${large} processes: from the start of one until all see it`,
      times.joins,
      goals.largeJoinSeconds,
    ),
  ];
}

/** That nobody is suspected because somebody else is dead. */
export async function soakLines(bench: Bench, forSeconds: number): Promise<readonly Line[]> {
  bench.log(`  a cluster of ${small} processes, one of them dead, ${forSeconds} s`);
  await using cluster = await LedgerCluster.start(bench, { size: small, timing: "lan" });
  const { suspicions, deaths } = await besideTheDead(cluster, forSeconds);
  return [
    atMost(
      `${small} processes, one dead for ${forSeconds} s: others suspected, or taken for dead`,
      count(suspicions + deaths),
      0,
    ),
  ];
}

interface Cost {
  readonly cpu: number;
  readonly bytesOut: number;
}

async function costOf({ ledger }: LedgerNode): Promise<Cost> {
  const bytes = /^converge_ledger_gossip_bytes_total\{direction="out"\} (\d+)$/m.exec(await ledger.metrics());
  return { bytesOut: Number(bytes?.[1] ?? Number.NaN), cpu: await cpuSeconds(ledger.pid) };
}

function newTimes(): RoundTimes {
  return { deaths: [], leaves: [], joins: [] };
}

async function sideBySideIn<Result>(
  bench: Bench,
  options: LedgerClusterOptions,
  work: (cluster: LedgerCluster) => Promise<Result>,
): Promise<Result[]> {
  await using clusters = new AsyncDisposableStack();
  const started: LedgerCluster[] = [];
  for (let index = 0; index < sideBySide; index++)
    started.push(clusters.use(await LedgerCluster.start(bench, options)));
  return await Promise.all(started.map(work));
}

function deathLine(what: string, { deaths }: RoundTimes, limitSeconds: number): Line {
  const fastest = (Math.min(...deaths) / 1000).toFixed(1);
  const slowest = (Math.max(...deaths) / 1000).toFixed(1);
  const note = `${fastest} to ${slowest} s in ${deaths.length} rounds`;
  return atMost(what, seconds(percentile(deaths, 0.95)), limitSeconds, note);
}

function longestLine(what: string, times: readonly number[], limitSeconds: number): Line {
  return atMost(what, seconds(Math.max(...times)), limitSeconds, `longest of ${times.length}`);
}
