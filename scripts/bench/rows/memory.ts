import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { peakResidentBytes, residentBytes, settledResidentBytes } from "../measure/resident-bytes.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import { watchSse } from "../run/load.ts";
import { until } from "../run/until.ts";

const fewWatchers = 1000;
const manyWatchers = 5000;
const slowWatchers = 4;
/** Larger payloads than elsewhere, so that a gigabyte is appended in seconds. */
const slowPayloadBytes = 4096;
const slowEntries = 2 ** 30 / slowPayloadBytes;
const catchUpMsMax = 60_000;

const kb = 1024;
const mb = 1024 * kb;

/** What the server keeps in memory: idle, for every idle watcher, and for watchers that do not read. */
export const memory: Row = {
  name: "memory",
  needs: ["gcc"],
  run: async (bench): Promise<readonly Line[]> => [...(await idleLines(bench)), ...(await slowLines(bench))],
};

async function idleLines(bench: Bench): Promise<readonly Line[]> {
  await using ledger = await startLedger(bench);
  const idle = await settledResidentBytes(ledger.pid);
  await ledger.fill("watched", 1);
  const few = await withWatchers(bench, ledger, fewWatchers);
  const many = await withWatchers(bench, ledger, manyWatchers);
  const idleMb = { value: idle / mb, unit: "MB" } as const;
  const each = { value: (many - few) / (manyWatchers - fewWatchers) / kb, unit: "KB" } as const;
  return [
    { what: "memory, idle", ours: idleMb, bar: { score: idleMb, better: "less", atLeast: 80, aim: 60 } },
    {
      what: "memory of an idle SSE watcher, from 1,000 to 5,000",
      ours: each,
      bar: { score: each, better: "less", atLeast: 12, aim: 6 },
      note: `the first 1,000: ${((few - idle) / fewWatchers / kb).toFixed(1)} KB each`,
    },
  ];
}

async function withWatchers(bench: Bench, ledger: Ledger, count: number): Promise<number> {
  await using watching = await watchSse(bench, {
    port: ledger.ports.connect,
    contextId: "watched",
    connections: count,
  });
  await watching.begun();
  return await settledResidentBytes(ledger.pid);
}

/** Appends a gigabyte beside watchers that read nothing, and, on another server, without them. */
async function slowLines(bench: Bench): Promise<readonly Line[]> {
  const alone = await appendedGigabyte(bench, 0);
  const beside = await appendedGigabyte(bench, slowWatchers);
  const growth = { value: (beside.peak - alone.peak) / slowWatchers / mb, unit: "MB" } as const;
  return [
    {
      what: "memory of a slow SSE watcher with 1 GB behind",
      ours: growth,
      against: { name: "all of the server's without it", value: alone.peak / mb, unit: "MB" },
      // A watcher's buffer is a quarter of a megabyte; what is beyond it and the heap's noise is growth.
      bar: { score: growth, better: "less", atLeast: 8, aim: 2 },
      note: `peak while one catches up at ${beside.catchUpMbPerSecond.toFixed(0)} MB/s of payload: ${(beside.catchUpPeak / mb).toFixed(0)} MB`,
    },
  ];
}

interface Gigabyte {
  readonly peak: number;
  readonly catchUpPeak: number;
  readonly catchUpMbPerSecond: number;
}

async function appendedGigabyte(bench: Bench, watchers: number): Promise<Gigabyte> {
  await using ledger = await startLedger(bench);
  const contextId = "behind";
  await ledger.fill(contextId, 1, slowPayloadBytes);
  await using stack = new AsyncDisposableStack();
  const slow = [];
  for (let index = 0; index < watchers; index++)
    slow.push(
      stack.use(
        await watchSse(bench, { port: ledger.ports.connect, contextId, connections: 1, paused: true }),
      ),
    );
  const peak = await peakResidentBytes(ledger.pid, ledger.fill(contextId, slowEntries, slowPayloadBytes));
  const first = slow[0];
  if (first === undefined)
    return { peak, catchUpPeak: await residentBytes(ledger.pid), catchUpMbPerSecond: 0 };
  const began = performance.now();
  first.read();
  let seen = await first.state();
  const caughtUp = until("the slow watcher has every entry", catchUpMsMax, async () => {
    seen = await first.state();
    return seen.slowest === slowEntries + 1;
  });
  const catchUpPeak = await peakResidentBytes(ledger.pid, caughtUp);
  const catchUpMbPerSecond = 1024 / ((performance.now() - began) / 1000);
  if (seen.disorder > 0) throw new Error(`${seen.disorder} deliveries were out of order`);
  return { peak, catchUpPeak, catchUpMbPerSecond };
}
