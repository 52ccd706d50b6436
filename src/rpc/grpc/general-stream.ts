import { constants, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type {
  UniversalHandlerFn,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { Log } from "../../core/log.ts";
import { withoutEndlessDeadline } from "../endless-deadline.ts";
import { spellMessage } from "./grpc-answer.ts";

/** Body bytes that were read before the general path got the stream. */
export interface Received {
  readonly bytes: Buffer;
  /** True if that is the whole body. */
  readonly ended: boolean;
}

/** Serves a stream by its universal handler. Never rejects. */
export async function serveStream(parts: {
  handler: UniversalHandlerFn;
  stream: ServerHttp2Stream;
  headers: IncomingHttpHeaders;
  received: Received | undefined;
  log: Log;
}): Promise<void> {
  const { handler, stream, headers, received, log } = parts;
  try {
    const request = universalRequest(stream, headers, received);
    await universalResponseToNodeResponse(spelled(await handler(request)), new Http2ServerResponse(stream));
  } catch (error) {
    // The client has gone, or the connection broke: nobody is left to be told.
    if (ConnectError.from(error).code !== Code.Aborted) log.debug("a call ended early", { error });
    if (!stream.destroyed) stream.close();
  }
}

function universalRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  received: Received | undefined,
): UniversalServerRequest {
  const abort = new AbortController();
  stream.once("close", () => abort.abort(closeReason(stream)));
  const header = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) header.append(name, one);
  }
  return {
    httpVersion: "2.0",
    method: headers[":method"] ?? "",
    url: `${headers[":scheme"] ?? "http"}://${headers[":authority"] ?? "localhost"}${headers[":path"] ?? "/"}`,
    header: withoutEndlessDeadline(header),
    body: received === undefined ? bodyOf(stream) : continued(received, stream),
    signal: abort.signal,
  };
}

/** Returns why a stream ended: undefined if in good order, else what the peer's reset means for the call. */
function closeReason({ rstCode }: ServerHttp2Stream): ConnectError | undefined {
  if (rstCode === constants.NGHTTP2_NO_ERROR) return undefined;
  const cancelled = rstCode === constants.NGHTTP2_CANCEL;
  return new ConnectError(
    cancelled ? "the client has cancelled the call" : `the stream was reset with code ${rstCode}`,
    cancelled ? Code.Canceled : Code.Unavailable,
  );
}

/** Returns an answer whose gRPC status message, once there is one, is spelled as clients expect. */
function spelled(answer: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = answer;
  if (body === undefined || trailer === undefined) return answer;
  return { ...answer, body: spellingAtEnd(body, trailer) };
}

async function* spellingAtEnd(body: AsyncIterable<Uint8Array>, trailer: Headers): AsyncGenerator<Uint8Array> {
  yield* body;
  spellMessage(trailer);
}

/** Iterates over a body; who stops early can still answer on the stream. */
function bodyOf(stream: ServerHttp2Stream): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => stream.iterator({ destroyOnReturn: false }) };
}

async function* continued({ bytes, ended }: Received, stream: ServerHttp2Stream): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
  if (!ended) yield* bodyOf(stream);
}
