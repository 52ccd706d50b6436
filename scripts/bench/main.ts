/**
 * Measures the server against its limits and peers, in the same run on the same machine.
 *
 *   bun scripts/bench/main.ts                     every row
 *   bun scripts/bench/main.ts append-grpc watch   these rows
 *
 * Ends with 1 if a line misses its "at least", 2 if it was called wrongly.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Line, verdictOf } from "./line.ts";
import { appendConnect, appendGrpc } from "./rows/append.ts";
import { appendWithProof } from "./rows/append-with-proof.ts";
import { appendWithTrees } from "./rows/append-with-trees.ts";
import { appendStream } from "./rows/append-stream.ts";
import { clusterRows } from "./rows/cluster.ts";
import { getTail } from "./rows/get-tail.ts";
import { hashing } from "./rows/hashing.ts";
import { memory } from "./rows/memory.ts";
import { proofs } from "./rows/proofs.ts";
import { readWhileAppend } from "./rows/read-while-append.ts";
import { ready } from "./rows/ready.ts";
import { sequential } from "./rows/sequential.ts";
import { snapshot, snapshotLarge } from "./rows/snapshot.ts";
import { swim, swim10k } from "./rows/swim.ts";
import { swimLoopback, swimSoak } from "./rows/swim-loopback.ts";
import { watch } from "./rows/watch.ts";
import type { Bench, Row } from "./run/bench.ts";
import { buildLoad } from "./run/build-load.ts";
import { killChildren } from "./run/child.ts";
import { machineFacts } from "./run/machine.ts";
import { table } from "./table.ts";

const rows: readonly Row[] = [
  appendConnect,
  appendGrpc,
  appendStream,
  sequential,
  getTail,
  readWhileAppend,
  watch,
  memory,
  ready,
  appendWithTrees,
  appendWithProof,
  proofs,
  hashing,
  snapshot,
  snapshotLarge,
  ...clusterRows,
  swim,
  swimLoopback,
  swimSoak,
  swim10k,
];

const help = `bun scripts/bench/main.ts [options] [row...]

rows: ${rows.map(({ name }) => name).join(" ")}

  --server COMMAND   starts the server; default dist/converge-ledger, from source: "bun src/main.ts"
  --other COMMAND    starts an earlier server without trees, to compare appends with
  --dir PATH         where data is written; default the system's directory for temporary files
  --rounds N         repetitions of each pair of measurements; default 3
  --seconds N        length of one measurement; default 2
  --failovers N      row cluster-failover: how often the home is killed, for each timing; default 5
  --cluster-entries N  rows cluster-join and -mend: entries of the context, row cluster-idle: contexts; default 100000
  --markdown         prints the table as Markdown
  --json FILE        also writes the lines as JSON`;

if (import.meta.main) process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Bun.argv.slice(2),
    allowPositionals: true,
    options: {
      server: { type: "string", default: join(import.meta.dir, "../../dist/converge-ledger") },
      other: { type: "string" },
      dir: { type: "string", default: tmpdir() },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      failovers: { type: "string", default: "5" },
      "cluster-entries": { type: "string", default: "100000" },
      markdown: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !rows.some((row) => row.name === name));
  const server = values.server.split(" ").filter((word) => word !== "");
  if (values.help || unknown.length > 0) {
    console.log(unknown.length > 0 ? `unknown row: ${unknown.join(" ")}\n\n${help}` : help);
    return values.help ? 0 : 2;
  }
  if (Bun.which(server[0] ?? "") === null && !existsSync(server[0] ?? "")) {
    console.error(`${server[0]} is not there: run bun scripts/build.ts first`);
    return 2;
  }
  const chosen =
    positionals.length === 0
      ? rows.filter(({ onRequest }) => onRequest !== true)
      : rows.filter(({ name }) => positionals.includes(name));
  await using scratch = await openScratch(values.dir);
  const bench = {
    scratch: scratch.path,
    server,
    other: values.other?.split(" ").filter((word) => word !== ""),
    load: Bun.which("gcc") === null ? "" : await buildLoad(scratch.path),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    failovers: Number(values.failovers),
    clusterEntries: Number(values["cluster-entries"]),
    log: (text: string) => console.error(text),
  };
  const facts = await machineFacts(scratch.path);
  for (const fact of facts) bench.log(fact);
  const { lines, failed } = await runRows(bench, chosen);
  console.log(table(lines, values.markdown ? "markdown" : "text"));
  if (values.json !== undefined) await Bun.write(values.json, JSON.stringify({ facts, lines }, null, 2));
  return failed || lines.some((line) => verdictOf(line) === "MISSED") ? 1 : 0;
}

/** Runs rows one after the other; one that cannot run is reported and does not keep the others from running. */
async function runRows(bench: Bench, chosen: readonly Row[]): Promise<{ lines: Line[]; failed: boolean }> {
  const lines: Line[] = [];
  let failed = false;
  for (const row of chosen) {
    const missing = row.needs.filter((program) => Bun.which(program) === null);
    if (missing.length > 0) {
      bench.log(`${row.name}: skipped, not installed: ${missing.join(" ")}`);
      continue;
    }
    bench.log(`${row.name} ...`);
    try {
      lines.push(...(await row.run(bench)));
    } catch (error) {
      failed = true;
      bench.log(`${row.name}: failed: ${Bun.inspect(error)}`);
    }
  }
  return { lines, failed };
}

/** A directory that is removed at the end, with every process of the benchmark, also at an end by a signal. */
async function openScratch(parent: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(parent, "converge-ledger-bench-"));
  const remove = async () => {
    killChildren();
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => void remove().then(() => process.exit(130)));
  return { path, [Symbol.asyncDispose]: remove };
}
