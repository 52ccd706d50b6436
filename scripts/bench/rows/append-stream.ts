import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { alternate } from "../measure/alternate.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import { startRedis } from "../peers/redis.ts";
import { pipeLoad, unaryLoad } from "../run/load.ts";
import type { Protocol } from "../run/protocol.ts";
import { appendBatchBody, appendStreamMessage, paths } from "../run/requests.ts";

interface Variant {
  readonly what: string;
  readonly entriesPerSecond: (bench: Bench, ledger: Ledger) => Promise<number>;
}

const variants: readonly Variant[] = [
  streamVariant("grpc", 1),
  streamVariant("connect", 1),
  streamVariant("grpc", 16),
  streamVariant("connect", 16),
  batchVariant("grpc"),
  batchVariant("connect"),
];

/** Durable entries a second of streams and batches against Redis streams with 16 commands pipelined. */
export const appendStream: Row = {
  name: "append-stream",
  needs: ["gcc", "redis-server", "redis-benchmark", "redis-cli"],
  run: async (bench): Promise<readonly Line[]> => {
    await using ledger = await startLedger(bench);
    await using redis = await startRedis(bench);
    const lines: Line[] = [];
    for (const { what, entriesPerSecond } of variants) {
      const compared = await alternate(
        bench.rounds,
        async () => await entriesPerSecond(bench, ledger),
        async () => await redis.xadd(bench.seconds),
      );
      lines.push({
        what,
        ours: { value: compared.ours, unit: "/s" },
        against: { name: "Redis XADD", value: compared.theirs, unit: "/s" },
        bar: { score: { value: compared.ratio, unit: "x" }, better: "more", atLeast: 0.4, aim: 0.8 },
      });
    }
    return lines;
  },
};

/** 8 streams with the entries of Redis's load in flight: 128 x 16. */
function streamVariant(protocol: Protocol, entries: 1 | 16): Variant {
  return {
    what: `AppendStream, ${protocolName(protocol)}, ${entries === 1 ? "1 entry" : "16 entries"} a message`,
    entriesPerSecond: async (bench, ledger) => {
      const result = await pipeLoad(bench, {
        protocol,
        port: ledger.ports[protocol],
        message: appendStreamMessage("append-stream", entries),
        connections: 4,
        streams: 2,
        inFlight: 256 / entries,
        seconds: bench.seconds,
      });
      return (result.done * entries) / result.seconds;
    },
  };
}

function batchVariant(protocol: Protocol): Variant {
  const entries = 100;
  return {
    what: `AppendBatch of ${entries}, ${protocolName(protocol)}, 8 in flight`,
    entriesPerSecond: async (bench, ledger) => {
      const result = await unaryLoad(bench, {
        protocol,
        port: ledger.ports[protocol],
        path: paths.appendBatch,
        bodies: [appendBatchBody("append-batch", entries)],
        connections: 4,
        streams: 2,
        seconds: bench.seconds,
      });
      return (result.done * entries) / result.seconds;
    },
  };
}

function protocolName(protocol: Protocol): string {
  return protocol === "grpc" ? "gRPC" : "Connect h2";
}
