/**
 * The direct path of gRPC for plain Append, AppendBatch, Get and Watch calls, of one uncompressed message, and for
 * plain AppendStream calls. Everything
 * else, and everything that cannot be read at a glance, goes to the general path with the bytes that
 * have arrived.
 * [gRPC over HTTP2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)
 *
 * @module
 */

import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { parseTimeout } from "@connectrpc/connect/protocol-grpc";
import type { CallCode, Metrics, Operation } from "../../core/metrics.ts";
import type { LedgerApi } from "../../ledger/ledger-api.ts";
import type { BodyAccount, BodyBudget } from "../incoming/body-budget.ts";
import type { Shutdown } from "../shutdown.ts";
import { withProof, withProofs } from "../acknowledged.ts";
import { answerCompression, compressBytesMin } from "../answer-compression.ts";
import { callCode, deadlineExceeded, toConnectError } from "../connect-error.ts";
import {
  frameHeaderBytes,
  writeAppendAnswer,
  writeBatchAnswer,
  writeFrameHeader,
  writeGetAnswer,
} from "../fast/plain-answers.ts";
import { readAppend, readBatch, readGet, readWatch } from "../fast/plain-requests.ts";
import { answerCompressed, answerError, answerOk } from "./grpc-answer.ts";
import { appendStreamOverGrpc } from "./grpc-append-stream.ts";
import { watchOverGrpc } from "./grpc-watch.ts";

/** Hands a stream to the general path; `received` is what has been read of its body, `ended` whether that is all. */
export type General = (stream: ServerHttp2Stream, received: Buffer, ended: boolean) => void;

/** Bodies over this many bytes are left to the general path: it reads them piece by piece. */
const plainBytesMax = 1024 * 1024;
/** Bodies up to this size are not counted: connections have far more room than that in their windows. */
const uncountedBytesMax = 64 * 1024;
/** Longer deadlines than timers can hold are as good as none. */
const timerMsMax = 2 ** 31 - 1;

const contextService = "/converge.context.v1.ContextService/";
const ledgerService = "/converge.ledger.v1.LedgerService/";

export interface FastGrpcParts {
  readonly ledger: LedgerApi;
  readonly metrics: Metrics;
  readonly shutdown: Shutdown;
  readonly budget: BodyBudget;
}

/** What a call's headers say. */
interface Terms {
  readonly timeoutMs: number | undefined;
  readonly accepts: string | undefined;
}

type Call = (stream: ServerHttp2Stream, message: Buffer, terms: Terms) => boolean;

/** Returns a function that takes over a stream if it can, and says so. */
export function createFastGrpc(
  parts: FastGrpcParts,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, general: General) => boolean {
  const { ledger, metrics, shutdown, budget } = parts;
  const calls = new Map<string, Call>([
    [`${contextService}Append`, append],
    [`${contextService}Get`, get],
    [`${contextService}Watch`, watch],
    [`${ledgerService}AppendBatch`, appendBatch],
  ]);

  return (stream, headers, general) => {
    const path = headers[":path"] ?? "";
    const call = calls.get(path);
    const isAppendStream = path === `${ledgerService}AppendStream`;
    if ((call === undefined && !isAppendStream) || !isPlain(headers)) return false;
    const timeout = parseTimeout((headers["grpc-timeout"] as string | undefined) ?? null, timerMsMax);
    if (timeout.error !== undefined) return false;
    const terms = {
      timeoutMs: timeout.timeoutMs,
      accepts: headers["grpc-accept-encoding"] as string | undefined,
    };
    if (call === undefined) {
      appendStreamOverGrpc({ ledger, metrics, stream, timeoutMs: terms.timeoutMs, shutdown, budget });
      return true;
    }
    receive(stream, budget, general, (body) => {
      const message = onlyMessage(body);
      return message !== undefined && call(stream, message, terms);
    });
    return true;
  };

  function append(stream: ServerHttp2Stream, message: Buffer, terms: Terms): boolean {
    const request = readAppend(message);
    if (request === undefined) return false;
    const { contextId, proof } = request;
    const appending = ledger.append(contextId, request, { minCopies: 0, timeoutMs: terms.timeoutMs });
    const work = proof ? withProof(ledger, contextId, appending) : appending;
    unary("Append", stream, terms, work, writeAppendAnswer);
    return true;
  }

  function appendBatch(stream: ServerHttp2Stream, message: Buffer, terms: Terms): boolean {
    const request = readBatch(message);
    if (request === undefined) return false;
    const { contextId, entries, proof, minCopies } = request;
    const appending = ledger.appendBatch(contextId, entries, { minCopies, timeoutMs: terms.timeoutMs });
    const work = proof ? withProofs(ledger, contextId, appending) : appending;
    unary("AppendBatch", stream, terms, work, writeBatchAnswer);
    return true;
  }

  function get(stream: ServerHttp2Stream, message: Buffer, terms: Terms): boolean {
    const request = readGet(message);
    if (request === undefined) return false;
    unary("Get", stream, terms, ledger.get(request), writeGetAnswer);
    return true;
  }

  function watch(stream: ServerHttp2Stream, message: Buffer, terms: Terms): boolean {
    const request = readWatch(message);
    if (request === undefined) return false;
    void watchOverGrpc({ ledger, metrics, stream, request, timeoutMs: terms.timeoutMs });
    return true;
  }

  function unary<T>(
    operation: Operation,
    stream: ServerHttp2Stream,
    { timeoutMs, accepts }: Terms,
    work: Promise<T>,
    write: (result: T, prefix: number) => Uint8Array<ArrayBuffer>,
  ): void {
    const startMs = performance.now();
    let answered = false;
    const done = (code: CallCode): void =>
      metrics.operation(operation, "grpc", code, (performance.now() - startMs) / 1000);
    const fail = (error: ConnectError): void => {
      if (answered) return;
      answered = true;
      answerError(stream, error);
      done(callCode(error));
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => fail(deadlineExceeded()), timeoutMs);
    work.then(
      (result) => {
        if (timer !== undefined) clearTimeout(timer);
        if (answered) return;
        answered = true;
        answerMessage(stream, write(result, frameHeaderBytes), accepts);
        done("OK");
      },
      (error: unknown) => {
        if (timer !== undefined) clearTimeout(timer);
        fail(toConnectError(error));
      },
    );
  }
}

/** Sends an answer; `frame` has room for the header of the message that it holds. */
function answerMessage(
  stream: ServerHttp2Stream,
  frame: Uint8Array<ArrayBuffer>,
  accepts: string | undefined,
): void {
  const bytes = frame.length - frameHeaderBytes;
  writeFrameHeader(frame, 0, bytes);
  const compression = bytes >= compressBytesMin ? answerCompression(accepts) : undefined;
  if (compression === undefined) answerOk(stream, frame);
  else void answerCompressed(stream, frame.subarray(frameHeaderBytes), compression);
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const type = headers["content-type"];
  const encoding = headers["grpc-encoding"];
  return (
    headers[":method"] === "POST" &&
    (type === "application/grpc" || type === "application/grpc+proto") &&
    (encoding === undefined || encoding === "identity")
  );
}

/** Collects the body and offers it to `take`; what that declines goes to the general path. */
function receive(
  stream: ServerHttp2Stream,
  budget: BodyBudget,
  general: General,
  take: (body: Buffer) => boolean,
): void {
  const pieces: Buffer[] = [];
  let length = 0;
  let account: BodyAccount | undefined;
  const body = (): Buffer =>
    pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, length);
  const leave = (): void => {
    stream.off("data", data).off("end", end);
    account?.close();
  };
  const data = (piece: Buffer): void => {
    pieces.push(piece);
    length += piece.length;
    if (length > plainBytesMax) {
      leave();
      stream.pause();
      general(stream, body(), false);
    } else if (length > uncountedBytesMax) {
      account ??= countedAccount(budget, stream);
      try {
        account.set(length);
      } catch (error) {
        leave();
        stream.resume();
        answerError(stream, toConnectError(error));
      }
    }
  };
  const end = (): void => {
    const all = body();
    account?.close();
    if (!take(all)) general(stream, all, true);
  };
  stream.on("data", data).on("end", end);
}

function countedAccount(budget: BodyBudget, stream: ServerHttp2Stream): BodyAccount {
  const account = budget.open();
  stream.once("close", () => account.close());
  return account;
}

/** Returns the message if the body is exactly one uncompressed frame. */
function onlyMessage(body: Buffer): Buffer | undefined {
  if (body.length < frameHeaderBytes || body[0] !== 0) return undefined;
  return body.readUInt32BE(1) === body.length - frameHeaderBytes
    ? body.subarray(frameHeaderBytes)
    : undefined;
}
