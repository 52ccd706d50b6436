import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { median } from "../measure/statistics.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import { rawFanOut } from "../peers/raw-fan-out.ts";
import { pipeLoad, type Watchers, watchSse, watchStreams } from "../run/load.ts";
import { appendStreamMessage, watchBody } from "../run/requests.ts";
import { until } from "../run/until.ts";

const watchers = 1000;
const connections = 10;
/** Entries a second that are offered, one after the other; each is delivered to every watcher. */
const offers = [150, 500, 1000, 2000];
const catchUpMsMax = 30_000;

interface Variant {
  readonly what: string;
  readonly judged: boolean;
  readonly open: (bench: Bench, ledger: Ledger, contextId: string) => Promise<Watchers>;
}

const variants: readonly Variant[] = [
  {
    what: "SSE, 1,000 connections",
    judged: true,
    open: async (bench, { ports }, contextId) =>
      await watchSse(bench, { port: ports.connect, contextId, connections: watchers }),
  },
  streamVariant("connect", "Connect h2, 10 connections x 100"),
  streamVariant("grpc", "gRPC, 10 connections x 100"),
];

function streamVariant(protocol: "connect" | "grpc", what: string): Variant {
  return {
    what,
    judged: protocol === "connect",
    open: async (bench, { ports }, contextId) =>
      await watchStreams(bench, {
        protocol,
        port: ports[protocol],
        body: watchBody(contextId),
        connections,
        streams: watchers / connections,
      }),
  };
}

/** Deliveries to 1,000 watchers of one context while single entries are appended faster and faster. */
export const watch: Row = {
  name: "watch",
  needs: ["gcc"],
  run: async (bench): Promise<readonly Line[]> => {
    const limit = await rawFanOut(bench, watchers);
    const lines: Line[] = [];
    for (const variant of variants) lines.push(await measure(bench, variant, limit));
    return lines;
  },
};

async function measure(bench: Bench, { what, judged, open }: Variant, limit: number): Promise<Line> {
  const contextId = "watched";
  await using ledger = await startLedger(bench);
  await ledger.fill(contextId, 1);
  await using watching = await open(bench, ledger, contextId);
  await watching.begun();
  const deliver = async (rate: number) =>
    await deliveriesPerSecond(bench, { ledger, watching, contextId, rate });
  await deliver(offers[0] ?? 0);
  const steps = [];
  for (const rate of offers) {
    const rounds = [];
    for (let round = 0; round < bench.rounds; round++) rounds.push(await deliver(rate));
    steps.push({ rate, delivered: median(rounds) });
  }
  const best = steps.reduce((a, b) => (b.delivered > a.delivered ? b : a));
  const ours = { value: best.delivered, unit: "/s" } as const;
  return {
    what: `Watch, ${what}: deliveries in order`,
    ours,
    against: { name: "raw sockets, one send each", value: limit, unit: "/s" },
    ...(judged ? { bar: { score: ours, better: "more", atLeast: 150_000, aim: 500_000 } as const } : {}),
    note: steps.map(({ rate, delivered }) => `${rate}/s: ${Math.round(delivered / 1000)}k`).join(", "),
  };
}

interface Delivery {
  readonly ledger: Ledger;
  readonly watching: Watchers;
  readonly contextId: string;
  readonly rate: number;
}

/** Counts until every watcher has every entry, so that nothing is won by leaving some behind. */
async function deliveriesPerSecond(
  bench: Bench,
  { ledger, watching, contextId, rate }: Delivery,
): Promise<number> {
  const before = await watching.state();
  await pipeLoad(bench, {
    protocol: "grpc",
    port: ledger.ports.grpc,
    message: appendStreamMessage(contextId, 1),
    connections: 1,
    streams: 1,
    inFlight: 4096,
    seconds: catchUpMsMax / 1000,
    rate,
    total: Math.ceil(rate * bench.seconds),
  });
  const head = await ledger.latestSequence(contextId);
  let after = await watching.state();
  await until("every watcher has every entry", catchUpMsMax, async () => {
    after = await watching.state();
    return after.slowest >= head;
  });
  if (after.disorder > 0) throw new Error(`${after.disorder} deliveries were out of order`);
  return ((after.deliveries - before.deliveries) / (after.ns - before.ns)) * 1e9;
}
