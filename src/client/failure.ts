import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";

/** What a program can know about a call that failed. */
export interface Failure {
  /** A gRPC status name, such as INVALID_ARGUMENT. */
  readonly code: string;
  /** Stable name of the cause; UNREACHABLE if no answer of a ledger arrived. */
  readonly reason: string;
  readonly message: string;
  /** The request field at fault, in its proto spelling. */
  readonly field?: string;
  readonly value?: string;
  readonly limit?: string;
  readonly remedy?: string;
  /** Where to continue from, for errors about positions in a context. */
  readonly sequence?: string;
  /** How long the server asks to wait before the next attempt; 0 if it does not say. */
  readonly retryAfterMs: number;
  /** True if the same call may succeed later without any change. */
  readonly transient: boolean;
}

const domain = "converge-ledger";

/** Returns what is known about anything a call threw. */
export function readFailure(thrown: unknown): Failure {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === domain);
  const retryDelay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const retryAfterMs =
    retryDelay === undefined ? 0 : Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1_000_000;
  const common = { code: codeName(error.code), message: error.rawMessage, retryAfterMs };
  if (info === undefined) {
    const transient = fromNetwork.has(error.code);
    return { ...common, transient, reason: transient ? "UNREACHABLE" : common.code };
  }
  const { field, value, limit, remedy, sequence } = info.metadata;
  return {
    ...common,
    transient: error.code === Code.Unavailable || retryDelay !== undefined,
    reason: info.reason,
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
    ...(remedy === undefined ? {} : { remedy }),
    ...(sequence === undefined ? {} : { sequence }),
  };
}

/**
 * The codes that transports and proxies use for connections that fail or break. A ledger's own
 * errors with these codes carry its ErrorInfo.
 */
const fromNetwork: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Unknown,
  Code.Internal,
  Code.DataLoss,
  Code.Aborted,
  Code.Canceled,
]);

/** Returns the name gRPC gives a code. */
function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
