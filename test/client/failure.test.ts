import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "bun:test";
import { type Failure, readFailure } from "../../src/client/failure.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";

test("readFailure() returns the facts of a ledger's error", () => {
  const metadata = { field: "payload", value: "5", limit: "4", remedy: "split it", sequence: "9" };
  const error = new ConnectError("too large", Code.ResourceExhausted, undefined, [
    { desc: ErrorInfoSchema, value: { domain: "converge-ledger", reason: "PAYLOAD_TOO_LARGE", metadata } },
  ]);
  const expected: Failure = {
    code: "RESOURCE_EXHAUSTED",
    reason: "PAYLOAD_TOO_LARGE",
    message: "too large",
    ...metadata,
    retryAfterMs: 0,
    transient: false,
  };
  expect(readFailure(error)).toEqual(expected);
});

test("readFailure() returns how long the server asks to wait", () => {
  const error = new ConnectError("full", Code.ResourceExhausted, undefined, [
    { desc: ErrorInfoSchema, value: { domain: "converge-ledger", reason: "QUEUE_FULL" } },
    { desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
  ]);
  expect(readFailure(error)).toMatchObject({ retryAfterMs: 1500, transient: true });
});

test.each([
  ["a refused connection", new TypeError("refused"), "UNKNOWN", "UNREACHABLE", true] as const,
  [
    "a proxy's answer",
    new ConnectError("HTTP 502", Code.Unavailable),
    "UNAVAILABLE",
    "UNREACHABLE",
    true,
  ] as const,
  [
    "a stream cut short",
    new ConnectError("premature end", Code.DataLoss),
    "DATA_LOSS",
    "UNREACHABLE",
    true,
  ] as const,
  [
    "a server that is no ledger",
    new ConnectError("HTTP 404", Code.Unimplemented),
    "UNIMPLEMENTED",
    "UNIMPLEMENTED",
    false,
  ] as const,
  [
    "a deadline",
    new ConnectError("late", Code.DeadlineExceeded),
    "DEADLINE_EXCEEDED",
    "DEADLINE_EXCEEDED",
    false,
  ] as const,
  [
    "a refusal without details",
    new ConnectError("bad", Code.InvalidArgument),
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    false,
  ] as const,
])("readFailure() of %s", (_, error, code, reason, transient) => {
  expect(readFailure(error)).toMatchObject({ code, reason, transient });
});

test("readFailure() does not repeat a ledger's own INTERNAL", () => {
  const error = new ConnectError("bug", Code.Internal, undefined, [
    { desc: ErrorInfoSchema, value: { domain: "converge-ledger", reason: "BUG" } },
  ]);
  expect(readFailure(error)).toMatchObject({ reason: "BUG", transient: false });
});
