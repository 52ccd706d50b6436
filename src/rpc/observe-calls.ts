import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ConnectError, Interceptor } from "@connectrpc/connect";
import type { Metrics, Operation, Protocol } from "../core/metrics.ts";
import { ContextService } from "../gen/converge/context/v1/context_pb.ts";
import { ClusterService } from "../gen/converge/ledger/v1/cluster_pb.ts";
import { DiscoveryService } from "../gen/converge/ledger/v1/discovery_pb.ts";
import { IntegrityService } from "../gen/converge/ledger/v1/integrity_pb.ts";
import { LedgerService } from "../gen/converge/ledger/v1/ledger_pb.ts";
import { MembershipService } from "../gen/converge/ledger/v1/membership_pb.ts";
import { abortError, callCode, toConnectError } from "./connect-error.ts";

/** The services whose calls are measured; health checks and reflection are not. */
const measured: readonly DescService[] = [
  ContextService,
  LedgerService,
  IntegrityService,
  MembershipService,
  ClusterService,
  DiscoveryService,
];

/** What each measured method is called. */
const operations = new Map<DescMethod, Operation>(
  measured.flatMap((service) =>
    service.methods.map((method): [DescMethod, Operation] => [method, operationOf(service, method)]),
  ),
);

function operationOf(service: DescService, { name }: DescMethod): Operation {
  const isShared =
    service === DiscoveryService && MembershipService.methods.some((other) => other.name === name);
  return (isShared ? `Discovery/${name}` : name) as Operation;
}

/**
 * Returns the interceptor around every call that the router handles: turns errors into what clients
 * are told, ends unary calls when their deadline or their client ends them, and measures.
 */
export function observeCalls(metrics: Metrics): Interceptor {
  return (next) => async (request) => {
    const startMs = performance.now();
    const protocol = protocolOf(request.header);
    const done = (error?: ConnectError): void => {
      const operation = operations.get(request.method);
      if (operation === undefined) return;
      metrics.operation(operation, protocol, callCode(error), (performance.now() - startMs) / 1000);
    };
    try {
      const response = await unlessAborted(request.signal, next(request));
      if (!response.stream) {
        done();
        return response;
      }
      const isWatch = request.method.name === "Watch";
      const change = (by: 1 | -1): void => (isWatch ? metrics.watcher(protocol, by) : undefined);
      const on = { begun: () => change(1), ended: () => change(-1), done };
      return { ...response, message: observed(response.message, request.signal, on) };
    } catch (error) {
      const told = toConnectError(error);
      done(told);
      throw told;
    }
  };
}

/** Returns which protocol a request speaks. */
function protocolOf(header: Headers): Protocol {
  const type = header.get("content-type") ?? "";
  if (type.startsWith("application/grpc-web")) return "grpc-web";
  return type.startsWith("application/grpc") ? "grpc" : "connect";
}

/**
 * Passes messages on until the signal fires. What it counts begins with the first request for one: a stream
 * nobody reads never ends. One whose reader stops early was cancelled.
 */
async function* observed<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  on: { begun(): void; ended(): void; done(error?: ConnectError): void },
): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  let told: ConnectError | undefined = abortError(signal);
  on.begun();
  try {
    for (;;) {
      const next = await unlessAborted(signal, iterator.next());
      if (next.done === true) break;
      yield next.value;
    }
    told = undefined;
  } catch (error) {
    told = toConnectError(error);
    throw told;
  } finally {
    on.ended();
    on.done(told);
    // Not awaited: it waits for the message that was asked for last.
    if (told !== undefined) iterator.return?.().catch(() => {});
  }
}

/** Settles as `work` does, or with the signal's reason as soon as it fires. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortError(signal));
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}
