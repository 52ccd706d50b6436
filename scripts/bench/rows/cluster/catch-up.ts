import { contextNames } from "../../../trials/world/context-names.ts";
import type { Line } from "../../line.ts";
import { fillContext } from "../../peers/ledger.ts";
import type { Bench } from "../../run/bench.ts";
import { unaryLoad } from "../../run/load.ts";
import { appendBody, paths } from "../../run/requests.ts";
import { until } from "../../run/until.ts";
import { metricOf } from "./metric.ts";
import { openCluster } from "./open-cluster.ts";

const million = 1_000_000;
const secondsOfMillion = 60;

/** A third node joins two that have a long history: how fast it has all of it, and what that costs appends to another context. */
export async function catchUpLines(bench: Bench): Promise<readonly Line[]> {
  const { clusterEntries: entries } = bench;
  await using opened = await openCluster(bench, { nodes: 3 });
  const { cluster } = opened;
  await cluster.start([0, 1]);
  const [contextId = "", other = ""] = await contextNames(cluster, 2, 0);
  const home = cluster.node(0);
  await fillContext(home.url, { contextId, entries, bytesEach: undefined });
  const foreground = async (seconds: number): Promise<number> => {
    const request = { protocol: "grpc", path: paths.append, bodies: [appendBody(other)] } as const;
    const load = { connections: 4, streams: 4, port: home.settings.place.grpcPort };
    const result = await unaryLoad(bench, { ...request, ...load, seconds });
    return result.done / result.seconds;
  };
  const before = await foreground(bench.seconds);
  await cluster.join(2, 0);
  const began = performance.now();
  let isThere = false;
  const limitMs = Math.max(60_000, (10 * secondsOfMillion * 1000 * entries) / million);
  const caughtUp = until("the new node has every entry", limitMs, async () => {
    // Its own store is asked: another node would answer a read for it.
    const there = (await metricOf(cluster.node(2).url, "converge_ledger_entries")) ?? 0;
    return there >= entries;
  }).finally(() => (isThere = true));
  const rates: number[] = [];
  while (!isThere) rates.push(await foreground(1));
  await caughtUp;
  const tookSeconds = (performance.now() - began) / 1000;
  const perSecond = { value: entries / tookSeconds, unit: "/s" } as const;
  const during = rates.reduce((sum, rate) => sum + rate, 0) / Math.max(1, rates.length);
  const share = { value: during / before, unit: "x" } as const;
  return [
    {
      what: "a node that joins fetches entries of 256 bytes",
      ours: perSecond,
      bar: { score: perSecond, better: "more", atLeast: million / secondsOfMillion },
      note: `${entries.toLocaleString("en-US")} in ${tookSeconds.toFixed(1)} s, with appends beside it`,
    },
    {
      what: "appends meanwhile, 16 in flight",
      ours: { value: during, unit: "/s" },
      against: { name: "before it joined", value: before, unit: "/s" },
      bar: { score: share, better: "more", atLeast: 0.7 },
    },
  ];
}
