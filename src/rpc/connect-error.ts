import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorCode } from "../core/errors.ts";
import { LedgerError } from "../core/errors.ts";
import type { CallCode } from "../core/metrics.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";

const domain = "converge-ledger";

const codes: Record<ErrorCode, Code> = {
  CANCELLED: Code.Canceled,
  INVALID_ARGUMENT: Code.InvalidArgument,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  NOT_FOUND: Code.NotFound,
  ALREADY_EXISTS: Code.AlreadyExists,
  RESOURCE_EXHAUSTED: Code.ResourceExhausted,
  FAILED_PRECONDITION: Code.FailedPrecondition,
  ABORTED: Code.Aborted,
  OUT_OF_RANGE: Code.OutOfRange,
  UNIMPLEMENTED: Code.Unimplemented,
  INTERNAL: Code.Internal,
  UNAVAILABLE: Code.Unavailable,
  DATA_LOSS: Code.DataLoss,
};

const names = new Map<Code, CallCode>(Object.entries(codes).map(([name, code]) => [code, name as ErrorCode]));

/** Returns how a call ended that was answered with `error`. */
export function callCode(error: ConnectError | undefined): CallCode {
  return error === undefined ? "OK" : (names.get(error.code) ?? "UNKNOWN");
}

/** Returns what a call is answered with whose deadline has passed. */
export function deadlineExceeded(): ConnectError {
  return new ConnectError("the operation timed out", Code.DeadlineExceeded);
}

/** Returns what a call is answered with whose signal has fired: the signal's reason if it is meant for clients. */
export function abortError({ reason }: AbortSignal): ConnectError {
  return reason instanceof ConnectError ? reason : new ConnectError("the call was cancelled", Code.Canceled);
}

/**
 * Returns what every protocol answers for an error: the code, the sentence, and the facts as
 * google.rpc details. Anything but a LedgerError or ConnectError is INTERNAL and says nothing of its cause.
 */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (!(error instanceof LedgerError)) {
    return toConnectError(
      new LedgerError("INTERNAL", "the server made a mistake", { reason: "INTERNAL" }, { cause: error }),
    );
  }
  const { reason, field, retryAfterMs, ...rest } = error.facts;
  const metadata: Record<string, string> = field === undefined ? {} : { field };
  for (const [name, value] of Object.entries(rest)) metadata[name] = String(value).toWellFormed();
  const connectError = new ConnectError(
    error.message.toWellFormed(),
    codes[error.code],
    undefined,
    undefined,
    error.cause,
  );
  connectError.details.push({ desc: ErrorInfoSchema, value: { reason, domain, metadata } });
  if (field !== undefined && (error.code === "INVALID_ARGUMENT" || error.code === "OUT_OF_RANGE")) {
    const fieldViolations = [{ field, description: error.message.toWellFormed() }];
    connectError.details.push({ desc: BadRequestSchema, value: { fieldViolations } });
  }
  if (retryAfterMs !== undefined) {
    const seconds = Math.floor(retryAfterMs / 1000);
    const nanos = (retryAfterMs - seconds * 1000) * 1_000_000;
    const retryDelay = create(DurationSchema, { seconds: BigInt(seconds), nanos });
    connectError.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  return connectError;
}
