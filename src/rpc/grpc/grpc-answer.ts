import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { toConnectError } from "../connect-error.ts";
import { framed } from "../fast/plain-answers.ts";

const headers: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc+proto" };
const okTrailers: OutgoingHttpHeaders = { "grpc-status": "0" };
const withTrailers = { waitForTrailers: true };

/** Sends the one message of a successful unary call. */
export function answerOk(stream: ServerHttp2Stream, frame: Uint8Array): void {
  if (!begin(stream, okTrailers)) return;
  stream.end(frame);
}

/** Sends the one message of a successful unary call compressed. Never rejects. */
export async function answerCompressed(
  stream: ServerHttp2Stream,
  message: Uint8Array<ArrayBuffer>,
  compression: Compression,
): Promise<void> {
  try {
    const compressed = await compression.compress(message);
    if (begin(stream, okTrailers, { ...headers, "grpc-encoding": compression.name }))
      stream.end(framed(compressed, 1));
  } catch (error) {
    answerError(stream, toConnectError(error));
  }
}

/** Ends a call that has sent nothing yet with an error. */
export function answerError(stream: ServerHttp2Stream, error: ConnectError): void {
  if (!begin(stream, errorTrailers(error))) return;
  stream.end();
}

/** Sends the headers; the trailers follow when the stream is ended. Returns false if the client has gone. */
export function begin(
  stream: ServerHttp2Stream,
  trailers: OutgoingHttpHeaders | (() => OutgoingHttpHeaders),
  answerHeaders = headers,
): boolean {
  if (isGone(stream)) return false;
  stream.respond(answerHeaders, withTrailers);
  stream.once("wantTrailers", () => {
    if (!stream.destroyed) stream.sendTrailers(typeof trailers === "function" ? trailers() : trailers);
  });
  return true;
}

/** Returns whether nothing can be sent on a stream any more. */
export function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed || stream.aborted;
}

/** Returns the trailers that carry an error with its details. */
export function errorTrailers(error: ConnectError): OutgoingHttpHeaders {
  const trailers = setTrailerStatus(new Headers(), error);
  spellMessage(trailers);
  return Object.fromEntries(trailers);
}

/**
 * Spells grpc-message as the specification asks: only bytes outside of printable ASCII, and the percent sign, are
 * percent-encoded. Connect encodes more, and some clients leave a part of that encoded.
 * [gRPC over HTTP2, Percent-Encoded](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses)
 */
export function spellMessage(trailers: Headers): void {
  const message = trailers.get("grpc-message");
  if (message === null) return;
  const encoded = decodeURIComponent(message).replace(/[^ -$&-~]+/g, (part) => encodeURIComponent(part));
  trailers.set("grpc-message", encoded);
}
