/**
 * The bodies of requests on the general path, made harmless before Connect reads them: bounded, decompressed, and
 * refused with INVALID_ARGUMENT where they hold no message. Connect would take all of it into memory first, and
 * call a message that cannot be parsed an internal error.
 *
 * @module
 */

import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { toConnectError } from "../connect-error.ts";
import { FrameSplitter } from "../fast/frame-splitter.ts";
import { frameHeaderBytes, framed } from "../fast/plain-answers.ts";
import type { BodyAccount, BodyBudget } from "./body-budget.ts";
import { compressionOf, decompress } from "./decompression.ts";
import { messageBytesMax } from "./message-bytes.ts";
import { checkBinary, checkJson, messageTooLong } from "./message-check.ts";

const unaryType = /^application\/(proto|json)(;|$)/;
const framedType = /^application\/(?:grpc|grpc-web|connect)(?:\+(proto|json))?(;|$)/;
const compressedFlag = 1;

/** What the bodies of one call are read with. */
interface Reading {
  readonly method: DescMethod;
  readonly json: boolean;
  readonly compression: Compression | undefined;
  readonly account: BodyAccount;
  readonly bytesMax: number;
}

/** Returns the request with a body that can be trusted as far as its form goes. */
export function withCheckedBody(
  request: UniversalServerRequest,
  method: DescMethod,
  { budget, over }: { readonly budget: BodyBudget; readonly over: AbortSignal },
): UniversalServerRequest {
  const { body, header } = request;
  if (!isStream(body)) return request;
  const type = header.get("content-type") ?? "";
  const unary = unaryType.exec(type);
  const framing = framedType.exec(type);
  if (unary === null && framing === null) return request;
  const encoding = ["content-encoding", "grpc-encoding", "connect-content-encoding"].map((name) =>
    header.get(name),
  );
  const compression = compressionOf(
    unary === null ? (encoding[1] ?? encoding[2] ?? null) : (encoding[0] ?? null),
  );
  const json = (unary ?? framing)?.[1] === "json";
  const reading = { method, json, compression, account: budget.open(), bytesMax: messageBytesMax(method) };
  if (unary === null) {
    return { ...request, body: releasing(reading, checkedFrames(untilFired(body, over), reading)) };
  }
  return {
    ...request,
    header: compression === undefined ? header : without(header, "content-encoding", "content-length"),
    body: releasing(reading, checkedMessage(body, reading)),
  };
}

/** Gives back what a body held, however it ends, and says why in the way of the protocols. */
async function* releasing(
  { account }: Reading,
  body: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw toConnectError(error);
  } finally {
    account.close();
  }
}

/** Passes a body on until `signal` fires, and then throws its reason, also while nothing comes. */
async function* untilFired(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  let stop = (): void => {};
  const fired = (): void => stop();
  signal.addEventListener("abort", fired);
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        stop = () => reject(signal.reason as ConnectError);
        if (signal.aborted) return stop();
        iterator.next().then(resolve, reject);
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", fired);
    void iterator.return?.();
  }
}

async function* checkedMessage(
  body: AsyncIterable<Uint8Array>,
  reading: Reading,
): AsyncGenerator<Uint8Array> {
  const { method, compression, account, bytesMax } = reading;
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > bytesMax) throw messageTooLong(method.input, bytesMax);
    account.add(piece.length);
    pieces.push(piece);
  }
  const bytes = Buffer.concat(pieces, length);
  const message = compression === undefined ? bytes : await unpacked(compression, bytes, reading);
  check(message, reading);
  yield message;
}

/** Passes a body on frame by frame. */
async function* checkedFrames(body: AsyncIterable<Uint8Array>, reading: Reading): AsyncGenerator<Uint8Array> {
  const { method, account, bytesMax } = reading;
  const splitter = new FrameSplitter(bytesMax, () => messageTooLong(method.input, bytesMax));
  for await (const piece of body) {
    account.add(piece.length);
    for (const frame of splitter.push(piece)) yield await checkedFrame(frame, reading);
    // What was passed on, and what it was unpacked to, is no longer held here.
    account.set(splitter.waiting);
  }
  splitter.end();
}

/** Frames with other flags than that of compression are left to the protocol. */
async function checkedFrame(frame: Buffer, reading: Reading): Promise<Uint8Array> {
  const message = frame.subarray(frameHeaderBytes);
  if (frame[0] === 0) {
    check(message, reading);
    return frame;
  }
  if (frame[0] !== compressedFlag || reading.compression === undefined) return frame;
  const plain = await unpacked(reading.compression, message, reading);
  check(plain, reading);
  return framed(plain);
}

async function unpacked(compression: Compression, bytes: Uint8Array, reading: Reading): Promise<Uint8Array> {
  const { account, bytesMax, method } = reading;
  try {
    const plain = await decompress(compression, bytes, bytesMax);
    account.add(plain.length);
    return plain;
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.ResourceExhausted) {
      throw messageTooLong(method.input, bytesMax);
    }
    throw error;
  }
}

function check(message: Uint8Array, { method, json }: Reading): void {
  if (json) checkJson(message, method.input);
  else checkBinary(message, method.input);
}

function without(header: Headers, ...names: string[]): Headers {
  const rest = new Headers(header);
  for (const name of names) rest.delete(name);
  return rest;
}

function isStream(body: UniversalServerRequest["body"]): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}
