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
        await aborted(signal);
        return throwReason(signal);
      }
      let last: Status | undefined;
      while (!signal.aborted) {
        const changed = Promise.withResolvers<void>();
        const unsubscribe = readiness.subscribe(() => changed.resolve());
        try {
          const now = status();
          if (now !== last) yield { status: now };
          last = now;
          if (status() === now) await Promise.race([changed.promise, aborted(signal)]);
        } finally {
          unsubscribe();
        }
      }
      throwReason(signal);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
