import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { median } from "../measure/statistics.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import { type LoadResult, unaryLoad } from "../run/load.ts";
import { appendBody, getBody, paths, payloadBytes } from "../run/requests.ts";

const entries = 1_000_000;
const page = 1000;
const appenders = 8;

/** Appenders with a reader of a large context beside them, against the same without the reader. */
export const readWhileAppend: Row = {
  name: "read-while-append",
  needs: ["gcc"],
  run: async (bench): Promise<readonly Line[]> => {
    await using ledger = await startLedger(bench);
    await ledger.fill("read", entries);
    await append(bench, ledger);
    const idle: Appended[] = [];
    const busy: (Appended & Reading)[] = [];
    for (let round = 0; round < bench.rounds; round++) {
      idle.push(await append(bench, ledger));
      busy.push(await appendBesideReader(bench, ledger));
    }
    const rates = { idle: idle.map(rate), busy: busy.map(rate) };
    const ratio = median(rates.busy.map((value, round) => value / (rates.idle[round] ?? Number.NaN)));
    const p99 = { idle: median(idle.map((run) => run.p99_us)), busy: median(busy.map((run) => run.p99_us)) };
    const pages = median(busy.map((run) => run.pages / run.readSeconds));
    return [
      {
        what: "eight closed-loop appenders beside a reader looping Get limit 1,000 over 1M entries",
        ours: { value: median(rates.busy), unit: "/s" },
        against: { name: "without the reader", value: median(rates.idle), unit: "/s" },
        bar: { score: { value: ratio * 100, unit: "%" }, better: "more", atLeast: 50, aim: 70 },
        note: `reader: ${Math.round(pages)} pages/s`,
      },
      {
        what: "p99 of those appends",
        ours: { value: p99.busy / 1000, unit: "ms" },
        against: { name: "without the reader", value: p99.idle / 1000, unit: "ms" },
        bar: { score: { value: p99.busy / p99.idle, unit: "x" }, better: "less", atLeast: 4 },
      },
      loopLine(idle, busy),
    ];
  },
};

/** Every round's longest hold: the median, because one of them may be the machine's. */
function loopLine(idle: readonly Appended[], busy: readonly Appended[]): Line {
  const ours = { value: median(busy.map((run) => run.longestHoldMs)), unit: "ms" } as const;
  const worst = Math.max(...busy.map((run) => run.longestHoldMs));
  return {
    what: "longest hold of the server's event loop meanwhile",
    ours,
    against: { name: "without the reader", value: median(idle.map((run) => run.longestHoldMs)), unit: "ms" },
    bar: { score: ours, better: "less", atLeast: 5 },
    note: `worst round ${worst.toFixed(1)} ms`,
  };
}

interface Appended extends LoadResult {
  readonly longestHoldMs: number;
}

interface Reading {
  readonly pages: number;
  readonly readSeconds: number;
}

function rate({ done, seconds }: LoadResult): number {
  return done / seconds;
}

async function append(bench: Bench, ledger: Ledger): Promise<Appended> {
  await longestHoldMs(ledger);
  const result = await unaryLoad(bench, {
    protocol: "connect",
    port: ledger.ports.connect,
    path: paths.append,
    bodies: Array.from({ length: appenders }, (_, at) => appendBody(`append-${at}`)),
    connections: appenders,
    streams: 1,
    seconds: bench.seconds,
  });
  return { ...result, longestHoldMs: await longestHoldMs(ledger) };
}

async function appendBesideReader(bench: Bench, ledger: Ledger): Promise<Appended & Reading> {
  let appending = true;
  const appends = append(bench, ledger).finally(() => {
    appending = false;
  });
  const began = performance.now();
  let pages = 0;
  for (; appending; pages++) await readPage(ledger, (pages * page) % entries);
  const readSeconds = (performance.now() - began) / 1000;
  return { ...(await appends), pages, readSeconds };
}

async function readPage(ledger: Ledger, after: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${ledger.ports.connect}${paths.get}`, {
    method: "POST",
    // Clients of this protocol do not ask for compression unless told to; fetch does.
    headers: { "content-type": "application/proto", "accept-encoding": "identity" },
    body: getBody("read", after, page),
  });
  const { byteLength } = await answer.arrayBuffer();
  if (byteLength < page * payloadBytes) throw new Error(`A page after ${after} had ${byteLength} bytes`);
}

/** How late the server's event loop was at most since its metrics were read the last time. */
async function longestHoldMs(ledger: Ledger): Promise<number> {
  const found = /^converge_ledger_event_loop_delay_max_seconds (\S+)$/m.exec(await ledger.metrics());
  return Number(found?.[1] ?? Number.NaN) * 1000;
}
