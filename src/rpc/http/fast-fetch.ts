/**
 * The direct path of Connect for plain Append, AppendBatch, AppendStream, Get and Watch calls with binary messages. Everything else,
 * and everything that cannot be read at a glance, goes to the general path with the body that has arrived.
 * [The Connect protocol](https://connectrpc.com/docs/protocol/)
 *
 * @module
 */

import type { ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, parseTimeout } from "@connectrpc/connect/protocol-connect";
import type { CallCode, Metrics, Operation } from "../../core/metrics.ts";
import type { LedgerApi } from "../../ledger/ledger-api.ts";
import type { BodyBudget } from "../incoming/body-budget.ts";
import type { Shutdown } from "../shutdown.ts";
import { withProof, withProofs } from "../acknowledged.ts";
import { answerCompression, compressBytesMin } from "../answer-compression.ts";
import { callCode, deadlineExceeded, toConnectError } from "../connect-error.ts";
import {
  frameHeaderBytes,
  writeAppendAnswer,
  writeBatchAnswer,
  writeGetAnswer,
} from "../fast/plain-answers.ts";
import { readAppend, readBatch, readGet, readWatch } from "../fast/plain-requests.ts";
import { appendStreamOverConnect } from "./connect-append-stream.ts";
import { type ReceivedBody, readUpTo } from "./received-body.ts";
import { watchOverConnect } from "./connect-watch.ts";

export interface FastFetchParts {
  readonly ledger: LedgerApi;
  readonly metrics: Metrics;
  readonly shutdown: Shutdown;
  readonly budget: BodyBudget;
}

/** Answers a request on the general path; `body` is its body, if that was read. */
export type General = (request: Request, body: ReceivedBody) => Promise<Response>;

/** Bodies over this many bytes are left to the general path: it reads them piece by piece. */
const plainBytesMax = 1024 * 1024;
/** Bodies up to this size are not counted: connections have far more room than that in their windows. */
const uncountedBytesMax = 64 * 1024;
/** Longer deadlines than timers can hold are as good as none. */
const timerMsMax = 2 ** 31 - 1;

const unaryType = "application/proto";
const streamType = "application/connect+proto";
const unaryHeaders = { "content-type": unaryType };

type Call = (
  request: Request,
  body: Uint8Array,
  timeoutMs: number | undefined,
) => Promise<Response> | undefined;

/** Returns a function that answers a request by its path if it can, and undefined otherwise. */
export function createFastFetch(
  parts: FastFetchParts,
): (request: Request, path: string, general: General) => Promise<Response> | undefined {
  const { ledger, metrics, shutdown, budget } = parts;
  const contextService = "/converge.context.v1.ContextService/";
  const ledgerService = "/converge.ledger.v1.LedgerService/";
  const calls = new Map<string, { readonly type: string; readonly call: Call }>([
    [`${contextService}Append`, { type: unaryType, call: append }],
    [`${contextService}Get`, { type: unaryType, call: get }],
    [`${contextService}Watch`, { type: streamType, call: watch }],
    [`${ledgerService}AppendBatch`, { type: unaryType, call: appendBatch }],
  ]);

  return (request, path, general) => {
    if (path === `${ledgerService}AppendStream`) return appendStream(request);
    const entry = calls.get(path);
    if (entry === undefined) return undefined;
    const terms = plainTerms(request, entry.type);
    if (terms === undefined) return undefined;
    const { length, timeoutMs } = terms;
    if (length === undefined || length > uncountedBytesMax)
      return answerLong(request, entry.call, terms, general);
    return request
      .bytes()
      .then((bytes) => entry.call(request, bytes, timeoutMs) ?? general(request, { bytes, rest: undefined }));
  };

  function appendStream(request: Request): Promise<Response> | undefined {
    const terms = plainTerms(request, streamType);
    if (terms === undefined) return undefined;
    const { timeoutMs } = terms;
    return Promise.resolve(
      appendStreamOverConnect({ ledger, metrics, request, timeoutMs, shutdown, budget }),
    );
  }

  /** Answers a request whose body is long, or of unknown length. */
  async function answerLong(
    request: Request,
    call: Call,
    { length, timeoutMs }: PlainTerms,
    general: General,
  ): Promise<Response> {
    let body: ReceivedBody;
    try {
      body = await received(request, length, budget);
    } catch (error) {
      return errorResponse(toConnectError(error));
    }
    if (body.rest !== undefined) return general(request, body);
    return call(request, body.bytes, timeoutMs) ?? general(request, body);
  }

  function append(
    request: Request,
    body: Uint8Array,
    timeoutMs: number | undefined,
  ): Promise<Response> | undefined {
    const plain = readAppend(body);
    if (plain === undefined) return undefined;
    const { contextId, proof } = plain;
    const appending = ledger.append(contextId, plain, { minCopies: 0, timeoutMs });
    const work = proof ? withProof(ledger, contextId, appending) : appending;
    return unary("Append", request, timeoutMs, work, writeAppendAnswer);
  }

  function appendBatch(
    request: Request,
    body: Uint8Array,
    timeoutMs: number | undefined,
  ): Promise<Response> | undefined {
    const plain = readBatch(body);
    if (plain === undefined) return undefined;
    const { contextId, entries, proof, minCopies } = plain;
    const appending = ledger.appendBatch(contextId, entries, { minCopies, timeoutMs });
    const work = proof ? withProofs(ledger, contextId, appending) : appending;
    return unary("AppendBatch", request, timeoutMs, work, writeBatchAnswer);
  }

  function get(
    request: Request,
    body: Uint8Array,
    timeoutMs: number | undefined,
  ): Promise<Response> | undefined {
    const plain = readGet(body);
    return plain && unary("Get", request, timeoutMs, ledger.get(plain), writeGetAnswer);
  }

  function watch(
    request: Request,
    body: Uint8Array,
    timeoutMs: number | undefined,
  ): Promise<Response> | undefined {
    const message = onlyMessage(body);
    const plain = message && readWatch(message);
    return plain && watchOverConnect({ ledger, metrics, request, plain, timeoutMs });
  }

  function unary<T>(
    operation: Operation,
    request: Request,
    timeoutMs: number | undefined,
    work: Promise<T>,
    write: (result: T, prefix: number) => Uint8Array<ArrayBuffer>,
  ): Promise<Response> {
    const startMs = performance.now();
    let isCounted = false;
    const count = (code: CallCode): void => {
      if (isCounted) return;
      isCounted = true;
      metrics.operation(operation, "connect", code, (performance.now() - startMs) / 1000);
    };
    const answered = work.then(
      (result) => {
        count("OK");
        return unaryResponse(request, write(result, 0));
      },
      (error: unknown) => {
        const told = toConnectError(error);
        count(callCode(told));
        return errorResponse(told);
      },
    );
    if (timeoutMs === undefined) return answered;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        count("DEADLINE_EXCEEDED");
        resolve(errorResponse(deadlineExceeded()));
      }, timeoutMs);
      void answered.then((response) => {
        clearTimeout(timer);
        resolve(response);
      });
    });
  }
}

function unaryResponse(request: Request, message: Uint8Array<ArrayBuffer>): Response | Promise<Response> {
  const compression =
    message.length < compressBytesMin ? undefined : answerCompression(request.headers.get("accept-encoding"));
  return compression === undefined
    ? new Response(message, { headers: unaryHeaders })
    : compressedResponse(message, compression);
}

async function compressedResponse(
  message: Uint8Array<ArrayBuffer>,
  compression: Compression,
): Promise<Response> {
  try {
    const headers = { ...unaryHeaders, "content-encoding": compression.name };
    return new Response(await compression.compress(message), { headers });
  } catch (error) {
    return errorResponse(toConnectError(error));
  }
}

/** Reads a body up to `plainBytesMax`, or to its end if its length was announced. Throws UNAVAILABLE. */
async function received(
  request: Request,
  length: number | undefined,
  budget: BodyBudget,
): Promise<ReceivedBody> {
  if (length === undefined) return await readUpTo(request, plainBytesMax);
  const account = budget.open();
  try {
    // How much of it has come does not show before all has; a client that is silent too long is cut by the runtime.
    account.add(length);
    return { bytes: await request.bytes(), rest: undefined };
  } finally {
    account.close();
  }
}

/** Returns the answer of a unary call that failed. */
export function errorResponse(error: ConnectError): Response {
  return new Response(errorToJsonBytes(error, undefined), {
    status: codeToHttpStatus(error.code),
    headers: { "content-type": "application/json" },
  });
}

/** What the headers of a plain request say. */
interface PlainTerms {
  /** Of the body; undefined if it was not announced. */
  readonly length: number | undefined;
  readonly timeoutMs: number | undefined;
}

/** Returns undefined if the request is not plain. Every look at a header costs; most requests have few of these. */
function plainTerms(request: Request, type: string): PlainTerms | undefined {
  const { headers } = request;
  if (request.method !== "POST" || headers.get("content-type") !== type) return undefined;
  const encoding = type === unaryType ? "content-encoding" : "connect-content-encoding";
  if (headers.get(encoding) !== null) return undefined;
  const announced = headers.get("content-length");
  const length = announced === null ? undefined : Number(announced);
  if (length !== undefined && !(length <= plainBytesMax)) return undefined;
  const timeout = headers.get("connect-timeout-ms");
  if (timeout === null) return { length, timeoutMs: undefined };
  const { timeoutMs, error } = parseTimeout(timeout, timerMsMax);
  return error === undefined ? { length, timeoutMs } : undefined;
}

/** Returns the message if the body is exactly one uncompressed frame. */
function onlyMessage(body: Uint8Array): Uint8Array | undefined {
  if (body.length < frameHeaderBytes || body[0] !== 0) return undefined;
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  return length === body.length - frameHeaderBytes ? body.subarray(frameHeaderBytes) : undefined;
}
