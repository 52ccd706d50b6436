import { rm } from "node:fs/promises";
import { percentile } from "../measure/statistics.ts";
import { type Bench, scratchFile } from "./bench.ts";
import { runChild } from "./child.ts";

export interface H2Load {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly streams: number;
  readonly seconds: number;
}

export interface H2LoadResult {
  readonly perSecond: number;
  /** Requests answered with a 2xx status, the warm-up not counted. */
  readonly succeeded: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const warmUpMs = 500;

/** Runs h2load with a warm-up and returns what it measured. Throws if any request failed. */
export async function h2load(bench: Bench, load: H2Load): Promise<H2LoadResult> {
  const body = await scratchFile(bench, load.body);
  const times = `${body}.times`;
  const headers = Object.entries(load.headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const output = await runChild([
    ...["h2load", "-c", `${load.connections}`, "-m", `${load.streams}`, "-d", body, ...headers],
    ...["-D", `${Math.round(load.seconds * 1000)}ms`, "--warm-up-time", `${warmUpMs}ms`],
    ...["--log-file", times, load.url],
  ]);
  const micros = requestMicros(await Bun.file(times).text());
  await Promise.all([rm(body), rm(times)]);
  return { ...parseSummary(output), p50Us: percentile(micros, 0.5), p99Us: percentile(micros, 0.99) };
}

/** Reads the durations of h2load's log: start, status and microseconds of each request. */
function requestMicros(log: string): number[] {
  return log
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Number(line.slice(line.lastIndexOf("\t") + 1)));
}

/** Reads h2load's summary; throws if not every finished request succeeded. */
export function parseSummary(output: string): { perSecond: number; succeeded: number } {
  const rate = /finished in .*?, ([\d.]+) req\/s/.exec(output);
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(output);
  const status = /status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(output);
  if (rate === null || counts === null || status === null)
    throw new Error(`Cannot read h2load's answer: ${output}`);
  const succeeded = Number(counts[1]);
  const bad = [...counts.slice(2), ...status.slice(1)].reduce((sum, count) => sum + Number(count), 0);
  if (succeeded === 0 || bad > 0) throw new Error(`Requests failed: ${output}`);
  return { perSecond: Number(rate[1]), succeeded };
}
