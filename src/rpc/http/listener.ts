/**
 * The HTTP listener: Connect, gRPC-Web and server-sent events over HTTP/1.1 and HTTP/2 (and HTTP/3 with TLS),
 * health and metrics.
 *
 * @module
 */

import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { limits } from "../../core/limits.ts";
import type { Log } from "../../core/log.ts";
import type { Listener, Tls } from "../listener-options.ts";
import { createHttpApp, type HttpAppParts, rawPath, serveRpc } from "./app.ts";
import { readUpTo } from "./received-body.ts";
import { createFastFetch, type FastFetchParts, type General } from "./fast-fetch.ts";

export interface HttpListenerOptions extends FastFetchParts, Omit<HttpAppParts, "keepOpen"> {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: Tls | undefined;
  /** Returns false for a request that came under a name it must not come under. */
  readonly isHostAllowed: (host: string | undefined) => boolean;
  readonly log: Log;
}

/** After the grace, calls are told that they are cut; this long their connections live on to carry it. */
const lastWordsMs = 250;
/** Of a body that nobody wants, this much is read. */
const refusedBodyBytesMax = 1024 * 1024;
const misdirected =
  "this server does not answer to that Host; start it with --allow-host, or call it by a loopback address\n";

/** Opens the listener. Throws the system's error if it cannot. */
export function startHttpListener(options: HttpListenerOptions): Listener {
  const { log, tls } = options;
  const app = createHttpApp({ ...options, keepOpen: (request) => server.timeout(request, 0) });
  const takeFast = createFastFetch(options);
  const general: General = (request, body) => serveRpc(handlerOf(options.handlers, request), request, body);
  const fastAllowed = options.corsOrigins.length === 0;

  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    http2: true,
    // Otherwise a second ledger on the same port would get half of the connections.
    reusePort: false,
    ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key }, http3: true }),
    maxRequestBodySize: limits.httpBodyBytesMax,
    development: false,
    fetch(request): Response | Promise<Response> {
      if (!options.isHostAllowed(request.headers.get("host") ?? undefined)) {
        return afterBody(request, new Response(misdirected, { status: 421 }));
      }
      if (fastAllowed || request.headers.get("origin") === null) {
        const path = rawPath(request.url);
        const answer = takeFast(request, path, general);
        if (answer !== undefined) {
          if (path.endsWith("/Watch") || path.endsWith("/AppendStream")) server.timeout(request, 0);
          return answer;
        }
      }
      return app.fetch(request);
    },
    error(error): Response {
      log.error("an HTTP request failed", { error });
      return new Response("the server made a mistake\n", { status: 500 });
    },
  });
  let stopped: Promise<void> | undefined;
  return {
    port: server.port ?? options.port,
    crashed: new Promise(() => {}),
    stop: (graceMs) => (stopped ??= stop(server, graceMs)),
  };
}

async function stop(server: Bun.Server<undefined>, graceMs: number): Promise<void> {
  const stopped = server.stop(false);
  const cut = setTimeout(() => void server.stop(true), graceMs === 0 ? 0 : graceMs + lastWordsMs);
  await stopped;
  clearTimeout(cut);
}

/** Returns an answer once the body has come: an answer that overtakes it is lost on some HTTP/2 clients. */
async function afterBody(request: Request, response: Response): Promise<Response> {
  await readUpTo(request, refusedBodyBytesMax);
  return response;
}

function handlerOf(handlers: ReadonlyMap<string, UniversalHandlerFn>, request: Request): UniversalHandlerFn {
  const handler = handlers.get(rawPath(request.url));
  if (handler === undefined) throw new Error("the fast paths are a part of the general one");
  return handler;
}
