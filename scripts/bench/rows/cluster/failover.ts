import { checkHistory } from "../../../trials/check/check-history.ts";
import { Recorder } from "../../../trials/record/recorder.ts";
import { contextNames } from "../../../trials/world/context-names.ts";
import { homeOf } from "../../../trials/world/home.ts";
import type { Line } from "../../line.ts";
import { percentile } from "../../measure/statistics.ts";
import type { Bench } from "../../run/bench.ts";
import { until } from "../../run/until.ts";
import { openCluster } from "./open-cluster.ts";

const atLeastMs = { lan: 12_000, local: 8_000 };
const failoverMsMax = 60_000;
const betweenMs = 1_000;

/** Kills the home of a context again and again under load: how long until its successor acknowledges, and whether promises were kept. */
export async function failoverLines(bench: Bench, timing: "lan" | "local"): Promise<readonly Line[]> {
  await using opened = await openCluster(bench, { nodes: 3, timing });
  const { cluster } = opened;
  await cluster.start();
  const contexts = await contextNames(cluster, 1, 0);
  const recorder = new Recorder({ contexts, seed: 1, targets: () => cluster.nodes, writers: 8, streams: 0 });
  const tookMs: number[] = [];
  try {
    recorder.begin();
    for (let round = 1; round <= bench.failovers; round += 1) {
      await Bun.sleep(betweenMs);
      const home = await homeOf(cluster, contexts[0] ?? "");
      await home.kill();
      const killed = performance.now();
      // What the home acknowledged before may be read a moment later.
      await Bun.sleep(20);
      const began = performance.now();
      await until("a successor acknowledges an append", failoverMsMax, async () =>
        Promise.resolve(recorder.acknowledgedSince(began) > 0),
      );
      tookMs.push(performance.now() - killed);
      await home.start();
      await cluster.formed();
    }
    const history = await recorder.finish(cluster.nodes, { resetsMax: 0, writeCopies: "majority" });
    const violations = checkHistory(history);
    for (const violation of violations) bench.log(`  ${violation}`);
    return lines(timing, tookMs, violations.length, recorder.acknowledgedCount);
  } finally {
    await recorder.abandon();
  }
}

function lines(
  timing: "lan" | "local",
  tookMs: readonly number[],
  violations: number,
  acknowledged: number,
): readonly Line[] {
  const p95 = { value: percentile(tookMs, 0.95), unit: "ms" } as const;
  const found = { value: violations, unit: "found" } as const;
  return [
    {
      what: `failover, ${timing} timing: from the home's death to its successor's first answer, p95`,
      ours: p95,
      bar: { score: p95, better: "less", atLeast: atLeastMs[timing] },
      note: `${tookMs.length} times, at most ${Math.round(Math.max(...tookMs))} ms`,
    },
    {
      what: `promises broken in these failovers, ${timing} timing`,
      ours: found,
      bar: { score: found, better: "less", atLeast: 0 },
      note: `${acknowledged} entries acknowledged`,
    },
  ];
}
