import {
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { Log } from "../../core/log.ts";
import { spellMessage } from "./grpc-answer.ts";

/** Body bytes that were read before the general path got the stream. */
export interface Received {
  readonly bytes: Buffer;
  /** True if that is the whole body. */
  readonly ended: boolean;
}

/** Serves a stream by its universal handler. Never rejects. */
export async function serveStream(parts: {
  handler: UniversalHandler;
  stream: ServerHttp2Stream;
  headers: IncomingHttpHeaders;
  rawHeaders: readonly string[];
  received: Received | undefined;
  log: Log;
}): Promise<void> {
  const { handler, stream, headers, rawHeaders, received, log } = parts;
  try {
    const request = new Http2ServerRequest(stream, headers, {}, rawHeaders);
    const response = new Http2ServerResponse(stream);
    const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
    const body = received === undefined ? universal.body : continued(received, stream);
    await universalResponseToNodeResponse(spelled(await handler({ ...universal, body })), response);
  } catch (error) {
    // The client has gone, or the connection broke: nobody is left to be told.
    if (ConnectError.from(error).code !== Code.Aborted) log.debug("a call ended early", { error });
    if (!stream.destroyed) stream.close();
  }
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

async function* continued({ bytes, ended }: Received, stream: ServerHttp2Stream): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
  if (!ended) yield* stream as AsyncIterable<Uint8Array>;
}
