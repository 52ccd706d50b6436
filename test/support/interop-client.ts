/**
 * Clients of other makes behind one interface, so that one suite reads the same sequences with all of them.
 * Requests and answers are ProtoJSON: 64-bit numbers as text, bytes in base64, defaults left out.
 *
 * @module
 */

import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { StatusSchema } from "../../src/gen/google/rpc/status_pb.ts";

/** A message in ProtoJSON. */
export type Json = Record<string, unknown>;

export interface CallOptions {
  /** Cancel the call after so many answers. */
  readonly answersMax?: number;
  readonly timeoutMs?: number;
  /** Send the requests gzipped. */
  readonly gzip?: boolean;
  /** Told each answer as it comes. */
  readonly onAnswer?: (answer: Json) => void;
}

/** How a call went. */
export interface Outcome {
  readonly answers: readonly Json[];
  /** Undefined if it ended well or was cancelled after `answersMax` answers. */
  readonly error: CallError | undefined;
}

/** An error as every protocol carries it. */
export interface CallError {
  /** The gRPC name of the code. */
  readonly code: string;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

export interface ErrorDetail {
  /** Full name of the message. */
  readonly type: string;
  /** The message, in base64 without padding. */
  readonly value: string;
}

export interface InteropClient extends AsyncDisposable {
  /** Calls `service/method` with one request or a stream of them. Rejects only if the client itself fails. */
  call(method: string, requests: Json | readonly Json[], options?: CallOptions): Promise<Outcome>;
}

/** The answer of a call that must have exactly one. Throws the error of a call that failed. */
export async function answerOf(
  client: InteropClient,
  method: string,
  request: Json,
  options?: CallOptions,
): Promise<Json> {
  const answers = await answersOf(client, method, request, options);
  const [answer] = answers;
  if (answer === undefined || answers.length !== 1)
    throw new Error(`${method} gave ${answers.length} answers`);
  return answer;
}

/** The answers of a call that must succeed. */
export async function answersOf(
  client: InteropClient,
  method: string,
  requests: Json | readonly Json[],
  options?: CallOptions,
): Promise<readonly Json[]> {
  const { answers, error } = await client.call(method, requests, options);
  if (error !== undefined) throw new Error(`${method} failed: ${error.code} ${error.message}`);
  return answers;
}

/** The error of a call that must fail. */
export async function errorOf(
  client: InteropClient,
  method: string,
  requests: Json | readonly Json[],
  options?: CallOptions,
): Promise<CallError> {
  const { answers, error } = await client.call(method, requests, options);
  if (error === undefined) throw new Error(`${method} did not fail but answered ${JSON.stringify(answers)}`);
  return error;
}

/** Reads what gRPC carries in grpc-status-details-bin. */
export function detailsOfStatus(base64: string): ErrorDetail[] {
  if (base64 === "") return [];
  return fromBinary(StatusSchema, base64Decode(base64)).details.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
    value: base64Encode(value, "std_raw"),
  }));
}

/** Reads an error in the JSON of the Connect protocol, which buf curl prints for every protocol. */
export function errorOfConnect(json: Json): CallError {
  const {
    code,
    message = "",
    details = [],
  } = json as { code: string; message?: string; details?: ErrorDetail[] };
  return {
    code: code === "canceled" ? "CANCELLED" : code.toUpperCase(),
    message,
    details: details.map(({ type, value }) => ({ type, value: value.replace(/=+$/, "") })),
  };
}
