import { type Row, scratchDirectory } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { median } from "../measure/statistics.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";

const entries = 1_000_000;
const warmCalls = 400;
const starts = 5;
const contextId = "proofs";
const service = "/converge.ledger.v1.IntegrityService/";

interface Call {
  readonly method: "ProveInclusion" | "ProveConsistency";
  readonly request: (at: number) => object;
}

const calls: readonly Call[] = [
  { method: "ProveInclusion", request: (sequence) => ({ contextId, sequence }) },
  { method: "ProveConsistency", request: (firstSize) => ({ contextId, firstSize }) },
];

/** Proofs in a large context: the first that a process answers, and those that follow. */
export const proofs: Row = {
  name: "proofs",
  needs: [],
  run: async (bench): Promise<readonly Line[]> => {
    await using data = await scratchDirectory(bench, "proofs");
    bench.log(`filling a context with ${entries} entries`);
    {
      await using ledger = await startLedger(bench, data.path);
      await ledger.fill(contextId, entries);
    }
    const lines: Line[] = [];
    for (const { method, request } of calls) {
      const first: number[] = [];
      const warm: number[] = [];
      for (let start = 0; start < starts; start++) {
        await using ledger = await startLedger(bench, data.path);
        const url = `http://127.0.0.1:${ledger.ports.connect}`;
        // A call that proves nothing, so that the first connection and the first JSON do not count.
        await call(url, "GetVerifierKeys", { contextId });
        await call(url, method, request(1 + Math.floor(entries * 0.37)));
        const touched = await timeIn(ledger, method);
        for (let i = 0; i < warmCalls; i++) await call(url, method, request(1 + ((i * 1_037_449) % entries)));
        const all = await timeIn(ledger, method);
        first.push(touched.ms);
        warm.push((all.ms - touched.ms) / (all.calls - touched.calls));
      }
      lines.push(...linesOf(method, first, warm));
    }
    return lines;
  },
};

function linesOf(method: string, first: readonly number[], warm: readonly number[]): Line[] {
  const of = (values: readonly number[]) => ({ value: median(values), unit: "ms" }) as const;
  const spread = (values: readonly number[]) =>
    `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)} ms in ${values.length} starts`;
  return [
    {
      what: `${method} in a context of 1M, warm, in the server`,
      ours: of(warm),
      bar: { score: of(warm), better: "less", atLeast: 1, aim: 0.2 },
      note: spread(warm),
    },
    {
      what: `${method} in a context of 1M, first touch`,
      ours: of(first),
      bar: { score: of(first), better: "less", atLeast: 150, aim: 50 },
      note: spread(first),
    },
  ];
}

/** Returns how long the server says that calls of a method have taken. */
async function timeIn(ledger: Ledger, method: string): Promise<{ ms: number; calls: number }> {
  const metrics = await ledger.metrics();
  const sum = (what: string): number => {
    const lines = metrics.matchAll(
      new RegExp(`^converge_ledger_operation_duration_seconds_${what}{([^}]*)} (\\S+)$`, "gm"),
    );
    let total = 0;
    for (const [, labels, value] of lines)
      if (labels?.includes(`operation="${method}"`)) total += Number(value);
    return total;
  };
  return { ms: 1000 * sum("sum"), calls: sum("count") };
}

async function call(url: string, method: string, request: object): Promise<void> {
  const answer = await fetch(`${url}${service}${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Cannot call ${method}: ${answer.status} ${text}`);
}
