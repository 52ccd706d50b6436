/**
 * The composed server: parts, supervision tree, and how it starts and stops.
 *
 * @module
 */

import { LedgerError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { ServerConfig } from "../config.ts";
import { loadHasher } from "../hash/load-hasher.ts";
import { Ledger } from "../ledger/ledger.ts";
import type { Clock } from "../ledger/ports.ts";
import { watchProcess } from "../node/process-reading.ts";
import { ReplaceableStore } from "../node/replaceable-store.ts";
import { createSystemClock } from "../node/system-clock.ts";
import { systemRandom } from "../node/system-random.ts";
import { inflate } from "../node/inflate.ts";
import { createZstd } from "../node/zstd.ts";
import { startGrpcListener } from "../rpc/grpc/listener.ts";
import { startHttpListener } from "../rpc/http/listener.ts";
import type { Listener } from "../rpc/listener-options.ts";
import { metricsContentType, PrometheusMetrics } from "../rpc/metrics.ts";
import { createRpcHandlers } from "../rpc/router.ts";
import { BodyBudget } from "../rpc/incoming/body-budget.ts";
import { type Shutdown, shuttingDown } from "../rpc/shutdown.ts";
import type { SqliteStore } from "../store/sqlite-store.ts";
import type { ChildSpec, Group, RestartPolicy, RunningChild, SupervisionEvent } from "../supervisor/spec.ts";
import { SupervisionTree } from "../supervisor/supervision-tree.ts";
import { damageReports } from "./damage-reports.ts";
import { hostCheck } from "./host-check.ts";
import { startLogKeeper } from "./log-keeper.ts";
import { NodeSigner } from "./node-signer.ts";
import { readTls } from "./read-tls.ts";
import { TreeReadiness } from "./tree-readiness.ts";

export interface ServerOptions {
  readonly config: ServerConfig;
  readonly log: Log;
  readonly build: { readonly version: string; readonly runtime: string };
  /** Opens the storage; called once for every start of that part. Rejects with StoreOpenError. */
  readonly openStore: () => Promise<SqliteStore>;
  readonly process: Pick<NodeJS.Process, "cpuUsage" | "memoryUsage">;
}

export interface Server {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** The key that verifies what this node signs for all of its contexts together, as text for verifiers. */
  logKey(): Promise<string>;
  /** Resolves when a part failed too often and the server has stopped itself. */
  readonly crashed: Promise<Error>;
  /** Takes a part of the tree for crashed, such as `ledger/storage`; false if it does not run. */
  fail(path: string, error: Error): boolean;
  /** Ends watches, lets calls end within the configured grace, closes the storage. Never rejects. */
  stop(): Promise<void>;
}

const restartPolicy: RestartPolicy = {
  maxRestarts: 10,
  withinMs: 60_000,
  backoff: { minMs: 50, maxMs: 5000 },
};
const startTimeoutMs = 120_000;
const storageStopMs = 60_000;
const keeperStopMs = 10_000;

/** Starts everything. Rejects if a part cannot start, with nothing left running; with ConfigError if a file that a setting names cannot be used. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, log } = options;
  const clock = createSystemClock();
  const store = new ReplaceableStore();
  const readProcess = watchProcess(options.process);
  const metrics: PrometheusMetrics = new PrometheusMetrics({
    clock,
    build: options.build,
    totals: () => store.totals(),
    queued: () => ledger.queued,
    watches: () => ledger.watchCounts(),
    process: readProcess,
    scrub: () => ledger.scrubbed,
  });
  const hasher = await loadHasher();
  const { logName, nodeName } = config;
  const signer = new NodeSigner({ directory: config.data, logName, nodeName, clock, hasher });
  const ledger: Ledger = new Ledger({
    store,
    clock,
    random: systemRandom,
    hasher,
    zstd: createZstd(),
    inflate,
    observer: {
      commit: (commit) => metrics.commit(commit),
      ...damageReports(log, () => readiness.changed()),
    },
    signer,
    scrubRate: config.scrubRate,
  });
  const readiness: TreeReadiness = new TreeReadiness(
    () => tree.state(),
    () => ledger.appendTrouble,
    () => ledger.scrubbed.damaged,
  );
  const draining = new AbortController();
  const over = new AbortController();
  const shutdown = { draining: draining.signal, over: over.signal };
  const listening = { ...listenerParts(options, ledger, metrics, readiness, shutdown) };
  const parts = { store, ledger, signer, clock, listening, draining: draining.signal };
  const tree = new SupervisionTree(treeOf(options, parts), {
    clock,
    onEvent: (event) => {
      logEvent(log, event);
      if (event.kind === "restarted") metrics.childRestarted(event.path);
      readiness.changed();
    },
  });
  await tree.start();

  let stopped: Promise<void> | undefined;
  return {
    grpcPort: listening.grpc.port,
    httpPort: listening.http.port,
    logKey: async () => (await signer.verifierKeys(signer.logName))[0] ?? "",
    crashed: tree.crashed,
    fail: (path, error) => tree.fail(path, error),
    stop: () =>
      (stopped ??= (async () => {
        readiness.drain();
        draining.abort(shuttingDown());
        ledger.endWatches(goingAway());
        const cut = clock.after(config.drainMs, () => over.abort(shuttingDown()));
        // Together, so that they share the grace; the tree stops its parts one after the other.
        const ended = Promise.all([
          listening.grpc.running?.stop(config.drainMs),
          listening.http.running?.stop(config.drainMs),
        ]);
        await tree.stop();
        await ended;
        cut();
      })()),
  };
}

/** A listener that comes back on the port it had. */
interface Listening {
  port: number;
  running: Listener | undefined;
  start(port: number): Promise<Listener>;
}

function listenerParts(
  { config, log }: ServerOptions,
  ledger: Ledger,
  metrics: PrometheusMetrics,
  readiness: TreeReadiness,
  shutdown: Shutdown,
): { grpc: Listening; http: Listening } {
  const budget = new BodyBudget();
  const handlers = createRpcHandlers({ ledger, metrics, readiness, shutdown, budget });
  const tls = readTls(config);
  const common = { ledger, metrics, handlers, shutdown, budget, tls, log };
  return {
    grpc: {
      port: config.grpc.port,
      running: undefined,
      start: (port) => {
        const { host } = config.grpc;
        return startGrpcListener({ ...common, host, port, isHostAllowed: hostCheck(host, config.allowHost) });
      },
    },
    http: {
      port: config.http.port,
      running: undefined,
      start: async (port) => {
        const { host } = config.http;
        return startHttpListener({
          ...common,
          host,
          port,
          isHostAllowed: hostCheck(host, config.allowHost),
          readiness,
          heartbeatMs: config.watchHeartbeatMs,
          corsOrigins: config.corsOrigin,
          renderMetrics: () => metrics.render(),
          metricsContentType,
        });
      },
    },
  };
}

function treeOf(
  { config, openStore, log }: ServerOptions,
  parts: {
    store: ReplaceableStore;
    ledger: Ledger;
    signer: NodeSigner;
    clock: Clock;
    listening: { grpc: Listening; http: Listening };
    /** Has fired if parts stop because the server stops, and not because they failed. */
    draining: AbortSignal;
  },
): Group {
  const { store, ledger, signer, clock, listening, draining } = parts;
  const storage = child("storage", storageStopMs, async () => {
    const opened = await openStore();
    await signer.begin(opened).catch(async (error: unknown) => {
      await opened.abort();
      throw error;
    });
    store.attach(opened);
    let hasCrashed = false;
    void opened.crashed.then(() => (hasCrashed = true));
    return {
      crashed: opened.crashed,
      async stop() {
        const inOrder = draining.aborted && !hasCrashed;
        if (inOrder) await ledger.drained();
        store.detach();
        await (inOrder ? opened.close() : opened.abort());
      },
    };
  });
  const watch = child("watch", 1000, async () => ({
    crashed: new Promise<Error>(() => {}),
    stop: async () => ledger.endWatches(watchRestarting()),
  }));
  const keeper = child("log", keeperStopMs, async () =>
    startLogKeeper({ update: () => ledger.updateNodeLog(), clock, intervalMs: config.logIntervalMs, log }),
  );
  const scrub = child("scrub", keeperStopMs, async () => ({
    crashed: new Promise<Error>(() => {}),
    stop: ledger.startScrub(),
  }));
  const servers: ChildSpec = {
    name: "servers",
    strategy: "one-for-one",
    children: [
      listenerChild("grpc", listening.grpc, config.drainMs, draining),
      listenerChild("http", listening.http, config.drainMs, draining),
    ],
    ...restartPolicy,
  };
  return { name: "ledger", strategy: "one-for-one", children: [storage, watch, keeper, scrub, servers] };
}

/** What is left of a listener that failed is cut at once, so that it is back at once. */
function listenerChild(
  name: string,
  listening: Listening,
  drainMs: number,
  draining: AbortSignal,
): ChildSpec {
  return child(name, drainMs + 2000, async () => {
    const listener = await listening.start(listening.port);
    listening.port = listener.port;
    listening.running = listener;
    return { crashed: listener.crashed, stop: () => listener.stop(draining.aborted ? drainMs : 0) };
  });
}

function child(name: string, stopTimeoutMs: number, start: () => Promise<RunningChild>): ChildSpec {
  return { name, restart: "permanent", startTimeoutMs, stopTimeoutMs, start, ...restartPolicy };
}

function logEvent(log: Log, event: SupervisionEvent): void {
  const { kind, path } = event;
  switch (kind) {
    case "crashed":
    case "stop-failed":
    case "gave-up":
      return log.error(`a part ${kind}`, { part: path, error: event.error });
    case "restarted":
      return log.warn("a part was restarted", { part: path, tookMs: Math.round(event.tookMs) });
    case "backing-off":
      return log.warn("a part waits before it is restarted", { part: path, delayMs: event.delayMs });
    case "started":
    case "finished":
    case "stopped":
      return log.debug(`a part has ${kind}`, { part: path });
  }
}

function goingAway(): LedgerError {
  return new LedgerError("UNAVAILABLE", "the server is shutting down", {
    reason: "SHUTTING_DOWN",
    remedy: "connect again and resume from your cursor",
    retryAfterMs: 1000,
  });
}

function watchRestarting(): LedgerError {
  return new LedgerError("UNAVAILABLE", "the server has restarted its watches", {
    reason: "WATCH_RESTARTED",
    remedy: "watch again from your cursor",
    retryAfterMs: 100,
  });
}
