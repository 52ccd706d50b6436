import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";

/** What timers can hold; one that is set for longer fires at once. */
const timerMsMax = 2 ** 31 - 1;
const any = Number.POSITIVE_INFINITY;

/** Returns the headers of a request without a deadline that is too far away for a timer, which is as good as none. */
export function withoutEndlessDeadline(header: Headers): Headers {
  const connect = header.get("connect-timeout-ms");
  const grpc = header.get("grpc-timeout");
  if (connect === null && grpc === null) return header;
  const kept = new Headers(header);
  if ((parseConnectTimeout(connect, any).timeoutMs ?? 0) > timerMsMax) kept.delete("connect-timeout-ms");
  if ((parseGrpcTimeout(grpc, any).timeoutMs ?? 0) > timerMsMax) kept.delete("grpc-timeout");
  return kept;
}
