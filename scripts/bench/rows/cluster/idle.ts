import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Line } from "../../line.ts";
import { type Bench, scratchDirectory } from "../../run/bench.ts";
import { fillContexts } from "../../run/fill-contexts.ts";
import { until } from "../../run/until.ts";
import { metricOf, peerBytes } from "./metric.ts";
import { openCluster } from "./open-cluster.ts";

const kb = 1024;
const copiedMsMax = 1_500_000;
const comparisonsMetric = "converge_ledger_anti_entropy_comparisons_total";
const waitMsMax = 180_000;

/** Bytes of one comparison of two nodes that have the same contexts; nothing if nodes do not count them. */
export async function idleLines(bench: Bench): Promise<readonly Line[]> {
  const contexts = bench.clusterEntries;
  await using scratch = await scratchDirectory(bench, "cluster-idle");
  const data = join(scratch.path, "a");
  await mkdir(data);
  await fillContexts({ directory: data, contexts, entriesEach: 1 });
  await using opened = await openCluster(bench, { nodes: 2, dataOf: new Map([[0, data]]) });
  const { cluster } = opened;
  await cluster.start();
  const comparisons = async (): Promise<number | undefined> => {
    const each = await Promise.all(
      cluster.running.map(async ({ url }) => await metricOf(url, comparisonsMetric)),
    );
    return each.reduce(
      (sum, count) => (count === undefined || sum === undefined ? undefined : sum + count),
      0,
    );
  };
  if ((await peerBytes(cluster)) === undefined || (await comparisons()) === undefined) {
    bench.log("cluster: nodes do not count bytes and comparisons: idle anti-entropy is left out");
    return [];
  }
  await until("the second node has every context", copiedMsMax, async () => {
    return ((await metricOf(cluster.node(1).url, "converge_ledger_contexts")) ?? 0) >= contexts;
  });
  // What was under way when the last context came is not idle.
  await Bun.sleep(5_000);
  const [bytes, count] = [(await peerBytes(cluster)) ?? 0, (await comparisons()) ?? 0];
  await until("nodes compare", waitMsMax, async () => ((await comparisons()) ?? 0) >= count + 2);
  const compared = ((await comparisons()) ?? 0) - count;
  const each = { value: (((await peerBytes(cluster)) ?? 0) - bytes) / compared / kb, unit: "KB" } as const;
  return [
    {
      what: `exchanged in one comparison of ${contexts.toLocaleString("en-US")} equal contexts`,
      ours: each,
      bar: { score: each, better: "less", atLeast: 1 },
      note: `${compared} comparisons`,
    },
  ];
}
