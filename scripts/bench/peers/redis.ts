import { type Bench, scratchDirectory } from "../run/bench.ts";
import { runChild, startChild } from "../run/child.ts";
import { freePort } from "../run/free-port.ts";
import { payloadBytes } from "../run/requests.ts";

const connections = 128;
const pipelined = 16;
const warmUpRequests = 50_000;

export interface Redis extends AsyncDisposable {
  /** Entries a second that XADD puts on disk, measured for about so long. */
  xadd(seconds: number): Promise<number>;
}

/** Starts a Redis that syncs its log before every answer. */
export async function startRedis(bench: Bench): Promise<Redis> {
  const stack = new AsyncDisposableStack();
  const data = stack.use(await scratchDirectory(bench, "redis"));
  const port = await freePort();
  const server = stack.use(
    startChild([
      ...["redis-server", "--port", `${port}`, "--bind", "127.0.0.1", "--dir", data.path, "--save", ""],
      ...["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"],
    ]),
  );
  await server.line(/Ready to accept connections/);
  let rate: number | undefined;
  return {
    xadd: async (seconds) => {
      rate ??= await xaddRate(port, warmUpRequests);
      rate = await xaddRate(port, Math.ceil(rate * seconds));
      return rate;
    },
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

async function xaddRate(port: number, requests: number): Promise<number> {
  await runChild(["redis-cli", "-p", `${port}`, "DEL", "bench"]);
  const output = await runChild([
    ...[
      "redis-benchmark",
      "-p",
      `${port}`,
      "-c",
      `${connections}`,
      "-P",
      `${pipelined}`,
      "-n",
      `${requests}`,
      "--csv",
    ],
    ...["XADD", "bench", "*", "facts", "x".repeat(payloadBytes)],
  ]);
  return parseRate(output);
}

/** Reads requests per second out of redis-benchmark's CSV. */
export function parseRate(csv: string): number {
  const last = csv.trim().split("\n").at(-1) ?? "";
  const rate = /^"[^"]*","([\d.]+)"/.exec(last)?.[1];
  if (rate === undefined) throw new Error(`Cannot read redis-benchmark's answer: ${csv}`);
  return Number(rate);
}
