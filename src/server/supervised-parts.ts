import { LedgerError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { ServerConfig } from "../config.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Clock } from "../ledger/ports.ts";
import type { ClusterNode } from "./cluster/cluster-node.ts";
import type { ReplaceableStore } from "../node/replaceable-store.ts";
import type { SqliteStore } from "../store/sqlite-store.ts";
import type { ChildSpec, Group, RestartPolicy, RunningChild } from "../supervisor/spec.ts";
import type { Listening } from "./listening.ts";
import { startLogKeeper } from "./log-keeper.ts";
import type { Membership } from "./membership.ts";
import type { NodeSigner } from "./node-signer.ts";

const restartPolicy: RestartPolicy = {
  maxRestarts: 10,
  withinMs: 60_000,
  backoff: { minMs: 50, maxMs: 5000 },
};
const startTimeoutMs = 120_000;
const storageStopMs = 60_000;
const keeperStopMs = 10_000;
/** A good-bye to the cluster and the end of its sockets. */
const membershipStopMs = 10_000;

export interface SupervisedParts {
  readonly config: ServerConfig;
  readonly log: Log;
  /** Opens the storage; called once for every start of that part. Rejects with StoreOpenError. */
  readonly openStore: () => Promise<SqliteStore>;
  readonly store: ReplaceableStore;
  readonly ledger: Ledger;
  readonly signer: NodeSigner;
  readonly clock: Clock;
  readonly listening: { readonly grpc: Listening; readonly http: Listening };
  readonly membership: Membership;
  /** Undefined if this node keeps its contexts alone. */
  readonly node: ClusterNode | undefined;
  /** Has fired if parts stop because the server stops, and not because they failed. */
  readonly draining: AbortSignal;
}

/** Returns the parts of a server, in the order in which they start; they stop in the opposite one. */
export function supervisedParts(parts: SupervisedParts): Group {
  const { config, log, openStore, store, ledger, signer, clock, listening, membership, draining, node } =
    parts;
  const storage = child("storage", storageStopMs, async () => {
    const opened = await openStore();
    const failed = async (error: unknown): Promise<never> => {
      store.detach();
      await opened.abort();
      throw error;
    };
    await signer.begin(opened).catch(failed);
    store.attach(opened);
    // Before anybody is served it is known if this node belongs to a cluster.
    await ledger.roster.load().catch(failed);
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
  const { start } = membership;
  // After the listeners, whose ports it announces; it says good-bye before they stop.
  const gossip =
    start === undefined ? [] : [child("membership", membershipStopMs, () => start(() => draining.aborted))];
  // Before the listeners, which ask it. It answers others once gossip takes their connections.
  const replication =
    node === undefined ? [] : [child("replication", keeperStopMs, async () => await node.start())];
  const children = [storage, watch, keeper, scrub, ...replication, servers, ...gossip];
  return { name: "ledger", strategy: "one-for-one", children };
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

function watchRestarting(): LedgerError {
  return new LedgerError("UNAVAILABLE", "the server has restarted its watches", {
    reason: "WATCH_RESTARTED",
    remedy: "watch again from your cursor",
    retryAfterMs: 100,
  });
}
