/**
 * Requests in the binary form are parsed once before Connect does, because Connect calls a message that cannot be
 * parsed an internal error. It is the client's.
 *
 * @module
 */

import { type DescMessage, type DescMethod, fromBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { toConnectError } from "./connect-error.ts";
import { frameHeaderBytes } from "./fast/plain-answers.ts";

const unaryType = /^application\/proto\b/;
const framedType = /^application\/(grpc|grpc\+proto|grpc-web|grpc-web\+proto|connect\+proto)(;|$)/;

/** Returns the request with a body that fails with INVALID_ARGUMENT at a message that is no `method.input`. */
export function withCheckedBody(request: UniversalServerRequest, method: DescMethod): UniversalServerRequest {
  const { body, header } = request;
  const type = header.get("content-type") ?? "";
  if (!isStream(body)) return request;
  if (unaryType.test(type) && header.get("content-encoding") === null) {
    return { ...request, body: checkedMessage(body, method.input) };
  }
  return framedType.test(type) ? { ...request, body: checkedFrames(body, method.input) } : request;
}

/** Returns what a client is told of a message that cannot be parsed. */
export function malformedMessage(desc: DescMessage, cause: unknown): ConnectError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return toConnectError(
    new LedgerError("INVALID_ARGUMENT", `the message is not a ${desc.typeName}: ${why}`, {
      reason: "MESSAGE_MALFORMED",
      remedy: "check the message against the proto files, and its strings for valid UTF-8",
    }),
  );
}

/** Passes a body on, and at its end throws if it was not one message. */
async function* checkedMessage(
  body: AsyncIterable<Uint8Array>,
  desc: DescMessage,
): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    pieces.push(piece);
    length += piece.length;
    yield piece;
    // The handler has refused the body by now.
    if (length > limits.loadRequestBytesMax) return;
  }
  check(Buffer.concat(pieces, length), desc);
}

/** Passes a body on frame by frame, and throws in place of an uncompressed one that holds no message. */
async function* checkedFrames(
  body: AsyncIterable<Uint8Array>,
  desc: DescMessage,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  let needed = frameHeaderBytes;
  for await (const piece of body) {
    pieces.push(piece);
    length += piece.length;
    if (length < needed) continue;
    let bytes = Buffer.concat(pieces, length);
    needed = frameHeaderBytes;
    while (bytes.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + bytes.readUInt32BE(1);
      // Frames that are too large are refused by their header alone.
      if (end > limits.loadRequestBytesMax) break;
      needed = end;
      if (bytes.length < end) break;
      const frame = bytes.subarray(0, end);
      if (frame[0] === 0) check(frame.subarray(frameHeaderBytes), desc);
      yield frame;
      bytes = bytes.subarray(end);
      needed = frameHeaderBytes;
    }
    pieces = bytes.length === 0 ? [] : [bytes];
    length = bytes.length;
    if (length >= needed) {
      yield bytes;
      pieces = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(pieces, length);
}

function check(message: Uint8Array, desc: DescMessage): void {
  try {
    fromBinary(desc, message);
  } catch (error) {
    throw malformedMessage(desc, error);
  }
}

function isStream(body: UniversalServerRequest["body"]): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}
