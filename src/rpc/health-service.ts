import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { quote } from "../core/errors.ts";
import { type Health, HealthCheckResponse_ServingStatus as Status } from "../gen/grpc/health/v1/health_pb.ts";
import { isReady, type Readiness } from "./readiness.ts";
import { throwReason } from "./throw-reason.ts";

/**
 * grpc.health.v1: the empty service name and every service of this server share one status.
 * [gRPC health checking protocol](https://github.com/grpc/grpc/blob/master/doc/health-checking.md)
 */
export function createHealthService(
  readiness: Readiness,
  draining: AbortSignal,
  names: readonly string[],
): ServiceImpl<typeof Health> {
  const known = new Set(["", ...names]);
  const status = (): Status => (isReady(readiness) ? Status.SERVING : Status.NOT_SERVING);
  return {
    check({ service }) {
      if (!known.has(service)) throw new ConnectError(`unknown service ${quote(service)}`, Code.NotFound);
      return { status: status() };
    },
    async *watch({ service }, { signal }) {
      if (!known.has(service)) {
        yield { status: Status.SERVICE_UNKNOWN };
        await firstOf(signal, draining);
        throwReason(signal);
        return throwReason(draining);
      }
      let last: Status | undefined;
      while (!signal.aborted) {
        const changed = Promise.withResolvers<void>();
        const unsubscribe = readiness.subscribe(() => changed.resolve());
        try {
          const now = status();
          if (now !== last) yield { status: now };
          last = now;
          // The last word is NOT_SERVING; a watch that stayed open would hold the stop up.
          throwReason(draining);
          if (status() === now) await Promise.race([changed.promise, firstOf(signal, draining)]);
        } finally {
          unsubscribe();
        }
      }
      throwReason(signal);
    },
  };
}

/** Resolves when one of the signals has fired. */
function firstOf(...signals: AbortSignal[]): Promise<void> {
  const first = AbortSignal.any(signals);
  if (first.aborted) return Promise.resolve();
  return new Promise((resolve) => first.addEventListener("abort", () => resolve(), { once: true }));
}
