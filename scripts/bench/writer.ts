/**
 * Measures the commit class of the store in a Worker against the same class on the main thread, on
 * the disk as it is and with 20 ms added to every fsync:
 *
 *   bun scripts/bench/writer.ts
 *
 * Closed loop: each of C appenders has one entry in flight, a batch is whatever queued while the
 * last commit ran. Needs gcc for the slow fsync; leaves that half out without it.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Commit, Head, NewRow } from "../../src/ledger/ports.ts";
import { CommitWriter } from "../../src/store/commit-writer.ts";
import { dataPaths, prepareDirectory } from "../../src/store/data-directory.ts";
import { openLedger } from "../../src/store/open-ledger.ts";
import { packCommit, unpackCommit } from "../../src/store/packed-commit.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { WriteAheadLog } from "../../src/store/write-ahead-log.ts";
import { startUpkeep } from "../../src/store/writer-upkeep.ts";

const seconds = 2;
const contexts = 8;
const wireBytes = 330; // a payload of 256 bytes with its id, key and times
const slowMicros = 20_000;
const contentHash = new Uint8Array(32).fill(1);
const wire = new Uint8Array(wireBytes).fill(7);

type Place = "worker" | "main thread";

interface Target {
  readonly nextLog: () => number;
  readonly commit: (commit: Commit) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const directory = mkdtempSync(join(process.env["LEDGER_BENCH_DIRECTORY"] ?? tmpdir(), "ledger-bench-"));
try {
  const [place, appenders] = process.argv.slice(2);
  if (place === undefined) runAll();
  else console.log(JSON.stringify(await measure(place as Place, Number(appenders))));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Runs every case in a process of its own and prints one table. */
function runAll(): void {
  const shim = buildShim();
  console.log(
    "| fsync | appenders | writer on | entries/s | commits/s | commit p50/p99/max ms | event loop delay p50/max ms |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const slow of shim === undefined ? [false] : [false, true]) {
    for (const appenders of [1, 64, 512, 2048]) {
      for (const place of ["main thread", "worker"] satisfies Place[]) {
        const environment = slow ? { LD_PRELOAD: shim ?? "", SLOW_FSYNC_MICROS: String(slowMicros) } : {};
        const child = Bun.spawnSync([process.execPath, import.meta.path, place, String(appenders)], {
          env: { ...process.env, ...environment },
          stderr: "inherit",
        });
        const result = JSON.parse(child.stdout.toString()) as Measured;
        const { commitMs, loopMs } = result;
        console.log(
          `| ${slow ? "+20 ms" : "as is"} | ${appenders} | ${place} | ${result.entriesPerSecond} | ${result.commitsPerSecond} | ` +
            `${commitMs.p50} / ${commitMs.p99} / ${commitMs.max} | ${loopMs.p50} / ${loopMs.max} |`,
        );
      }
    }
  }
}

interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Measured {
  readonly entriesPerSecond: number;
  readonly commitsPerSecond: number;
  readonly commitMs: Spread;
  readonly loopMs: Spread;
}

async function measure(place: Place, appenders: number): Promise<Measured> {
  const target = place === "worker" ? await openInWorker() : openHere();
  const lanes = Array.from({ length: contexts }, (_, i) => openLane(`context-${i}`, target.nextLog()));
  await drive(target, lanes, appenders, 300);
  const measured = await drive(target, lanes, appenders, seconds * 1000);
  await target.close();
  return measured;
}

async function openInWorker(): Promise<Target> {
  const workerUrl = new URL("../../src/store/writer-worker.ts", import.meta.url);
  const store = await openSqliteStore({ directory, workerUrl, onProblem: console.error });
  return {
    nextLog: () => store.newLog(),
    commit: (commit) => store.commit(commit),
    close: () => store.close(),
  };
}

function openHere(): Target {
  const paths = dataPaths(directory);
  prepareDirectory(paths);
  const db = openLedger(paths, { expectExisting: false });
  const writer = new CommitWriter(db);
  const wal = new WriteAheadLog(db);
  const upkeep = startUpkeep(writer, wal, console.error);
  let log = writer.nextLog;
  return {
    nextLog: () => log++,
    commit: async (commit) => {
      const outcome = writer.commit(unpackCommit(packCommit(commit, undefined, 0)), log);
      upkeep.committed();
      return outcome;
    },
    close: async () => {
      upkeep.stop();
      writer.finalize();
      wal.finalize();
      db.close();
    },
  };
}

interface Lane {
  readonly contextId: string;
  head: Head | undefined;
  readonly log: number;
  /** The sequence that the next queued entry gets. */
  next: number;
}

function openLane(contextId: string, log: number): Lane {
  return { contextId, head: undefined, log, next: 1 };
}

async function drive(
  target: Target,
  lanes: Lane[],
  appenders: number,
  durationMs: number,
): Promise<Measured> {
  const commitMs: number[] = [];
  const loopMs: number[] = [];
  let entries = 0;
  let queue: { lane: Lane; row: NewRow; done: () => void }[] = [];
  let running = false;
  const start = performance.now();
  const isOver = () => performance.now() - start >= durationMs;

  async function commitQueue(): Promise<void> {
    running = true;
    // What the same turn of the event loop appends shares the first commit.
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      const heads = lanes.filter((lane) => lane.next - 1 > (lane.head?.latest ?? 0)).map(headChange);
      const began = performance.now();
      await target.commit({ rows: batch.map(({ row }) => row), heads: heads.map(({ change }) => change) });
      commitMs.push(performance.now() - began);
      for (const { lane, change } of heads) lane.head = change.to;
      entries += batch.length;
      for (const { done } of batch) done();
      // A server would read its sockets now.
      await new Promise((resolve) => setImmediate(resolve));
    }
    running = false;
  }

  async function appendInTurn(lane: Lane): Promise<void> {
    while (!isOver()) {
      await new Promise<void>((done) => {
        const row = {
          log: lane.log,
          sequence: lane.next,
          key: "facts",
          findableId: undefined,
          contentHash,
          wire,
        };
        lane.next += 1;
        queue.push({ lane, row, done });
        if (!running) void commitQueue();
      });
    }
  }

  const sampler = sampleLoop(loopMs, isOver);
  await Promise.all(Array.from({ length: appenders }, (_, i) => appendInTurn(lanes[i % contexts] as Lane)));
  const elapsed = (performance.now() - start) / 1000;
  await sampler;
  return {
    entriesPerSecond: Math.round(entries / elapsed),
    commitsPerSecond: Math.round(commitMs.length / elapsed),
    commitMs: spread(commitMs),
    loopMs: spread(loopMs),
  };
}

function headChange(lane: Lane) {
  const latest = lane.next - 1;
  const to: Head = {
    log: lane.log,
    latest,
    lamport: BigInt(latest),
    appendedAtNs: BigInt(latest),
    bytes: latest * wireBytes,
    createdAtNs: 1n,
  };
  return { lane, change: { contextId: lane.contextId, from: lane.head, to } };
}

/** Asks for a turn of the event loop every millisecond and notes how late it comes. */
async function sampleLoop(loopMs: number[], isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const asked = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
    loopMs.push(Math.max(0, performance.now() - asked - 1));
  }
}

function spread(values: number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function buildShim(): string | undefined {
  if (Bun.which("gcc") === null) {
    console.error("gcc is missing: the slow fsync is left out");
    return undefined;
  }
  const output = join(directory, "slow-fsync.so");
  const source = join(import.meta.dir, "slow-fsync.c");
  const built = Bun.spawnSync(["gcc", "-shared", "-fPIC", "-O2", "-o", output, source, "-ldl"], {
    stderr: "inherit",
  });
  if (!built.success) throw new Error(`Cannot compile ${source}`);
  return output;
}
