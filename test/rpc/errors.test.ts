import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack, DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorCode, LedgerError } from "../../src/core/errors.ts";
import { AppendRequestSchema } from "../../src/gen/converge/context/v1/context_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../src/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../src/gen/google/rpc/status_pb.ts";
import { callCode, toConnectError } from "../../src/rpc/connect-error.ts";
import { callHttp, callHttp2, frame, type Listening, startListeners } from "../support/ledger-listeners.ts";

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

describe("toConnectError()", () => {
  test.each(Object.entries(codes))("gives %s its code, and back", (name, code) => {
    const told = toConnectError(new LedgerError(name as ErrorCode, "text", { reason: "R", remedy: "do it" }));
    expect([told.code, told.rawMessage, callCode(told)]).toEqual([code, "text; do it", name as ErrorCode]);
    expect(told.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "R", domain: "converge-ledger", metadata: { remedy: "do it" } },
    ]);
  });

  test("tells field, value, limit, sequence and remedy as text", () => {
    const told = toConnectError(
      new LedgerError("OUT_OF_RANGE", "text", {
        reason: "R",
        field: "f",
        value: 2n ** 64n,
        limit: 7,
        sequence: 9,
        remedy: "do it",
        retryAfterMs: 1250,
      }),
    );
    expect(told.findDetails(ErrorInfoSchema)[0]?.metadata).toEqual({
      field: "f",
      value: "18446744073709551616",
      limit: "7",
      sequence: "9",
      remedy: "do it",
    });
    expect(told.findDetails(BadRequestSchema)).toMatchObject([
      { fieldViolations: [{ field: "f", description: "text; do it" }] },
    ]);
    const delay = create(DurationSchema, { seconds: 1n, nanos: 250_000_000 });
    expect(told.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: delay }]);
  });

  test("names a violated field only for errors of the request", () => {
    const told = toConnectError(new LedgerError("ALREADY_EXISTS", "text", { reason: "R", field: "f" }));
    expect(told.findDetails(BadRequestSchema)).toEqual([]);
    expect(told.findDetails(RetryInfoSchema)).toEqual([]);
  });

  test("says nothing of an unexpected error's cause", () => {
    const told = toConnectError(new TypeError("secret"));
    expect([told.code, told.rawMessage]).toEqual([Code.Internal, "the server made a mistake"]);
    expect(told.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "INTERNAL", metadata: {} }]);
  });

  test("leaves a ConnectError as it is", () => {
    const error = new ConnectError("x", Code.Unauthenticated);
    expect(toConnectError(error)).toBe(error);
    expect(callCode(error)).toBe("UNKNOWN");
    expect(callCode(undefined)).toBe("OK");
  });

  test("repairs text that is not Unicode, which a message could not carry", () => {
    const told = toConnectError(
      new LedgerError("INVALID_ARGUMENT", "a\ud800", { reason: "R", field: "f", value: "\udc00" }),
    );
    expect(told.rawMessage).toBe("a\ufffd");
    expect(told.findDetails(ErrorInfoSchema)[0]?.metadata.value).toBe("\ufffd");
  });
});

describe("an error on the wire", () => {
  let server: Listening;
  beforeAll(async () => {
    server = await startListeners();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const path = "/converge.context.v1.ContextService/Append";
  const message = toBinary(
    AppendRequestSchema,
    create(AppendRequestSchema, { contextId: "c", key: "é\u0001" }),
  );
  const facts = {
    reason: "KEY_CONTROL_CHARACTER",
    domain: "converge-ledger",
    metadata: { field: "key", value: "U+0001", remedy: "remove U+0000 to U+001F and U+007F to U+009F" },
  };
  const text =
    "key has a control character, U+0001, at character 2; remove U+0000 to U+001F and U+007F to U+009F";

  test("carries its details over gRPC", async () => {
    const { trailers } = await callHttp2(server.grpcPort, {
      path,
      headers: { "content-type": "application/grpc" },
      body: frame(message),
    });
    expect([trailers["grpc-status"], trailers["grpc-message"]]).toEqual(["3", text]);
    const status = fromBinary(StatusSchema, Buffer.from(trailers["grpc-status-details-bin"] ?? "", "base64"));
    expect([status.code, status.message]).toEqual([3, text]);
    const [info, violations] = status.details;
    expect(info && anyUnpack(info, ErrorInfoSchema)).toMatchObject(facts);
    expect(violations && anyUnpack(violations, BadRequestSchema)).toMatchObject({
      fieldViolations: [{ field: "key" }],
    });
  });

  test.each([
    ["binary", "application/proto", message],
    ["JSON", "application/json", Buffer.from(JSON.stringify({ contextId: "c", key: "é\u0001" }))],
  ])("carries its details over Connect in %s", async (_, type, body) => {
    const { status, body: answer } = await callHttp(server.httpPort, {
      path,
      headers: { "content-type": type },
      body,
    });
    const { code, message: told, details } = JSON.parse(answer.toString());
    expect([status, code, told]).toEqual([400, "invalid_argument", text]);
    expect(details.map(({ type: name }: { type: string }) => name)).toEqual([
      "google.rpc.ErrorInfo",
      "google.rpc.BadRequest",
    ]);
    expect(fromBinary(ErrorInfoSchema, Buffer.from(details[0].value, "base64"))).toMatchObject(facts);
  });

  test("carries its details over gRPC-Web", async () => {
    const { body } = await callHttp(server.httpPort, {
      path,
      headers: { "content-type": "application/grpc-web+proto" },
      body: frame(message),
    });
    const trailer = body.subarray(5).toString();
    expect(trailer).toContain("grpc-status: 3\r\n");
    const details = /grpc-status-details-bin: (\S+)/.exec(trailer)?.[1] ?? "";
    const status = fromBinary(StatusSchema, Buffer.from(details, "base64"));
    expect(status.details[0] && anyUnpack(status.details[0], ErrorInfoSchema)).toMatchObject(facts);
  });

  test("of a value of any length stays small enough for trailers", async () => {
    const name = `converge-ledger/${"x".repeat(500_000)}`;
    const large = toBinary(
      AppendRequestSchema,
      create(AppendRequestSchema, { contextId: "c", key: "k", metadata: { [name]: "" } }),
    );
    const { trailers } = await callHttp2(server.grpcPort, {
      path,
      headers: { "content-type": "application/grpc" },
      body: frame(large),
    });
    expect(trailers["grpc-status"]).toBe("3");
    expect(JSON.stringify(trailers).length).toBeLessThan(4000);
  });
});
