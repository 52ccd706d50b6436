/**
 * The composed server: parts, supervision tree, and how it starts and stops.
 *
 * @module
 */

import { LedgerError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { ConfigError, ServerConfig } from "../config.ts";
import { loadHasher } from "../hash/load-hasher.ts";
import { Ledger } from "../ledger/ledger.ts";
import { watchProcess } from "../node/process-reading.ts";
import { ReplaceableStore } from "../node/replaceable-store.ts";
import { createSystemClock } from "../node/system-clock.ts";
import { systemRandom } from "../node/system-random.ts";
import { inflate } from "../node/inflate.ts";
import { createZstd } from "../node/zstd.ts";
import type { GossipStatus } from "../rpc/cluster.ts";
import { PrometheusMetrics } from "../rpc/metrics.ts";
import { shuttingDown } from "../rpc/shutdown.ts";
import type { SqliteStore } from "../store/sqlite-store.ts";
import type { SupervisionEvent } from "../supervisor/spec.ts";
import { SupervisionTree } from "../supervisor/supervision-tree.ts";
import { aloneReplication } from "./alone-replication.ts";
import { ClusterNode } from "./cluster/cluster-node.ts";
import { ClusterReplication } from "./cluster/cluster-replication.ts";
import { damageReports } from "./damage-reports.ts";
import { settingsDiffer } from "./settings-differ.ts";
import { listenerParts } from "./listening.ts";
import { LocalGroups } from "./local-groups.ts";
import { createMembership } from "./membership.ts";
import { NodeSigner } from "./node-signer.ts";
import { supervisedParts } from "./supervised-parts.ts";
import { TreeReadiness } from "./tree-readiness.ts";
import { WriteAbility } from "./write-ability.ts";

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
  /** Where and how this node gossips; undefined if it does not. */
  readonly gossip: GossipStatus | undefined;
  /** The key that verifies what this node signs for all of its contexts together, as text for verifiers. */
  logKey(): Promise<string>;
  /** Resolves when a part failed too often and the server has stopped itself. */
  readonly crashed: Promise<Error>;
  /** Resolves if the cluster that this node was to join, or was in, has other settings. It goes on until it is stopped. */
  readonly misfit: Promise<ConfigError>;
  /** Takes a part of the tree for crashed, such as `ledger/storage`; false if it does not run. */
  fail(path: string, error: Error): boolean;
  /** Ends watches, lets calls end within the configured grace, closes the storage. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Starts everything. Rejects if a part cannot start, with nothing left running; with ConfigError if a file that a
 * setting names cannot be used; with LedgerError if gossip cannot have its address.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, log } = options;
  const clock = createSystemClock();
  const store = new ReplaceableStore();
  const readProcess = watchProcess(options.process);
  const misfit = Promise.withResolvers<ConfigError>();
  const ability = new WriteAbility({
    trouble: () => ledger.appendTrouble,
    damaged: () => ledger.scrubbed.damaged,
  });
  const canWrite = (): boolean => ability.isAble;
  const membership = createMembership({
    ...{ config, clock, log },
    version: options.build.version,
    ledger: () => ledger,
    identity: () => ({ ...signer.identity, logName: signer.logName }),
    ports: () => ({ grpc: listening.grpc.port, http: listening.http.port }),
    onChange: () => readiness.changed(),
    onMisfit: (outcome) => misfit.resolve(settingsDiffer(outcome)),
    onPeerConnection: (socket, first, from) => node?.accept(socket, first, from),
    onKeysChanged: () => node?.keysChanged(),
    canWrite,
  });
  const { cluster, gossip } = membership;
  const metrics: PrometheusMetrics = new PrometheusMetrics({
    clock,
    build: options.build,
    totals: () => store.totals(),
    queued: () => ledger.queued,
    watches: () => ledger.watchCounts(),
    process: readProcess,
    scrub: () => ledger.scrubbed,
    cluster,
    replication: () => node?.reading,
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
      commit(commit) {
        ability.committed();
        metrics.commit(commit);
      },
      ...damageReports(log, () => readiness.changed()),
    },
    signer,
    scrubRate: config.scrubRate,
  });
  const node: ClusterNode | undefined =
    gossip === undefined
      ? undefined
      : new ClusterNode({
          ...{ ledger, clock, hasher, log, canWrite, cluster: gossip.cluster, keys: gossip.keys },
          rules: { replicas: config.replicas, writeCopies: config.writeCopies },
          gossipLabel: config.gossipLabel,
          nodeId: () => signer.identity.nodeId,
        });
  const readiness: TreeReadiness = new TreeReadiness(
    () => tree.state(),
    () => ledger.appendTrouble,
    () => ledger.scrubbed.damaged,
    cluster,
    () => node?.reading,
  );
  const draining = new AbortController();
  const over = new AbortController();
  const shutdown = { draining: draining.signal, over: over.signal };
  const watchersOf = (contextId: string): number => ledger.watchersOf(contextId);
  const surface = {
    replication:
      node === undefined ? aloneReplication(ledger, cluster) : new ClusterReplication(node, ledger, cluster),
    discovery: {
      groups: node?.groups ?? new LocalGroups({ cluster, clock, watchersOf }),
      ...{ clock, random: systemRandom },
    },
  };
  const served = { ledger: node?.ledger ?? ledger, cluster, metrics, readiness, shutdown };
  const listening = listenerParts({ config, log, ...served, ...surface });
  const parts = { config, log, store, ledger, signer, clock, listening, membership, node };
  const root = supervisedParts({ ...parts, openStore: options.openStore, draining: draining.signal });
  const tree = new SupervisionTree(root, {
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
    gossip: cluster.status(),
    logKey: async () => (await signer.verifierKeys(signer.logName))[0] ?? "",
    crashed: tree.crashed,
    misfit: misfit.promise,
    fail: (path, error) => tree.fail(path, error),
    stop: () =>
      (stopped ??= (async () => {
        readiness.drain();
        draining.abort(shuttingDown());
        ledger.endWatches(goingAway());
        node?.ledger.endWatches(goingAway());
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
