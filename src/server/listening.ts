import type { Log } from "../core/log.ts";
import type { ServerConfig } from "../config.ts";
import type { LedgerApi } from "../ledger/ledger-api.ts";
import type { Cluster } from "../rpc/cluster.ts";
import { startGrpcListener } from "../rpc/grpc/listener.ts";
import { startHttpListener } from "../rpc/http/listener.ts";
import { BodyBudget } from "../rpc/incoming/body-budget.ts";
import type { Listener } from "../rpc/listener-options.ts";
import { metricsContentType, type PrometheusMetrics } from "../rpc/metrics.ts";
import type { ReplicationView } from "../rpc/replication-view.ts";
import { createRpcHandlers, type RouterParts } from "../rpc/router.ts";
import type { Shutdown } from "../rpc/shutdown.ts";
import { hostCheck } from "./host-check.ts";
import { readTls } from "./read-tls.ts";
import type { TreeReadiness } from "./tree-readiness.ts";

/** A listener that comes back on the port it had. */
export interface Listening {
  port: number;
  running: Listener | undefined;
  start(port: number): Promise<Listener>;
}

/** Returns the two listeners, which do not listen yet. Throws ConfigError if a file of TLS cannot be used. */
export function listenerParts(parts: {
  readonly config: ServerConfig;
  readonly log: Log;
  readonly ledger: LedgerApi;
  readonly cluster: Cluster;
  readonly replication: ReplicationView;
  readonly discovery: RouterParts["discovery"];
  readonly metrics: PrometheusMetrics;
  readonly readiness: TreeReadiness;
  readonly shutdown: Shutdown;
}): { grpc: Listening; http: Listening } {
  const { config, log, ledger, metrics, readiness, shutdown } = parts;
  const budget = new BodyBudget();
  const handlers = createRpcHandlers({ ...parts, budget });
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
