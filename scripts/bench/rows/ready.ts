import { type Bench, type Row, scratchDirectory } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { median } from "../measure/statistics.ts";
import { startLedger } from "../peers/ledger.ts";
import { fillContexts } from "../run/fill-contexts.ts";

const starts = 15;
const fullStarts = 7;
const contexts = 1_000_000;
const entriesEach = 10;

/** From the start of the process to its "ready" line, empty and with very many contexts. */
export const ready: Row = {
  name: "ready",
  needs: [],
  run: async (bench): Promise<readonly Line[]> => {
    const empty = [];
    for (let start = 0; start < starts; start++) empty.push(await readyMs(bench));
    await using full = await scratchDirectory(bench, "full");
    bench.log(`filling ${contexts} contexts`);
    await fillContexts({ directory: full.path, contexts, entriesEach });
    const filled = [];
    for (let start = 0; start < fullStarts; start++) filled.push(await readyMs(bench, full.path));
    return [
      line("ready, empty directory", empty, { atLeast: 120, aim: 50 }),
      line("ready, 1M contexts of 10 entries", filled, { atLeast: 400, aim: 120 }),
    ];
  },
};

async function readyMs(bench: Bench, data?: string): Promise<number> {
  await using ledger = await startLedger(bench, data);
  return ledger.readyMs;
}

function line(what: string, times: readonly number[], marks: { atLeast: number; aim: number }): Line {
  const ours = { value: median(times), unit: "ms" } as const;
  const spread = `${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms in ${times.length} starts`;
  return { what, ours, bar: { score: ours, better: "less", ...marks }, note: spread };
}
