import { createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { limits } from "../core/limits.ts";
import type { Metrics } from "../core/metrics.ts";
import { ContextService } from "../gen/converge/context/v1/context_pb.ts";
import { ClusterService } from "../gen/converge/ledger/v1/cluster_pb.ts";
import { DiscoveryService } from "../gen/converge/ledger/v1/discovery_pb.ts";
import { IntegrityService } from "../gen/converge/ledger/v1/integrity_pb.ts";
import { LedgerService } from "../gen/converge/ledger/v1/ledger_pb.ts";
import { MembershipService } from "../gen/converge/ledger/v1/membership_pb.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection as ReflectionV1 } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ReflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import type { LedgerApi } from "../ledger/ledger-api.ts";
import { compressBytesMin, compressions } from "./answer-compression.ts";
import { badQuery } from "./bad-query.ts";
import type { Cluster } from "./cluster.ts";
import { createClusterService } from "./cluster-service.ts";
import { createContextService } from "./context-service.ts";
import { createDiscoveryService, type DiscoveryParts } from "./discovery-service.ts";
import type { Readiness } from "./readiness.ts";
import type { ReplicationView } from "./replication-view.ts";
import { createHealthService } from "./health-service.ts";
import { createIntegrityService } from "./integrity-service.ts";
import { createLedgerService } from "./ledger-service.ts";
import { createMembershipService } from "./membership-service.ts";
import { observeCalls } from "./observe-calls.ts";
import { createReflection } from "./reflection-service.ts";
import { withCheckedBody } from "./incoming/checked-body.ts";
import type { BodyBudget } from "./incoming/body-budget.ts";
import type { Shutdown } from "./shutdown.ts";

export interface RouterParts {
  readonly ledger: LedgerApi;
  readonly cluster: Cluster;
  readonly replication: ReplicationView;
  readonly discovery: Omit<DiscoveryParts, "draining">;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly shutdown: Shutdown;
  readonly budget: BodyBudget;
}

const services = [
  ContextService,
  LedgerService,
  IntegrityService,
  MembershipService,
  ClusterService,
  DiscoveryService,
  Health,
  ReflectionV1,
  ReflectionV1Alpha,
];

/**
 * Returns the general path: every call of every service, on every protocol and in every form, by request
 * path. The fast paths are shortcuts for some of it and answer the same.
 */
export function createRpcHandlers(parts: RouterParts): ReadonlyMap<string, UniversalHandlerFn> {
  const router = createConnectRouter({
    acceptCompression: [...compressions],
    compressMinBytes: compressBytesMin,
    // Bodies are bounded by method, and JSON is known to be UTF-8, before they come here.
    readMaxBytes: limits.loadRequestBytesMax,
    interceptors: [observeCalls(parts.metrics)],
    shutdownSignal: parts.shutdown.over,
  });
  router.service(ContextService, createContextService(parts.ledger));
  router.service(LedgerService, createLedgerService(parts.ledger));
  router.service(IntegrityService, createIntegrityService(parts.ledger.integrity));
  router.service(MembershipService, createMembershipService(parts.cluster, parts.shutdown.draining));
  router.service(ClusterService, createClusterService(parts.replication));
  const { draining } = parts.shutdown;
  router.service(DiscoveryService, createDiscoveryService({ ...parts.discovery, draining }));
  router.service(
    Health,
    createHealthService(
      parts.readiness,
      parts.shutdown.draining,
      services.map((service) => service.typeName),
    ),
  );
  const serverReflectionInfo = createReflection(services);
  router.service(ReflectionV1, { serverReflectionInfo });
  router.service(ReflectionV1Alpha, { serverReflectionInfo });
  const incoming = { budget: parts.budget, over: parts.shutdown.over };
  return new Map(
    router.handlers.map((handler) => [
      handler.requestPath,
      (request) => badQuery(request) ?? handler(withCheckedBody(request, handler.method, incoming)),
    ]),
  );
}
