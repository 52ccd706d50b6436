/**
 * The gRPC listener: HTTP/2 with prior knowledge, or TLS. It also answers Connect and gRPC-Web.
 *
 * @module
 */

import http2, { type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import type { Log } from "../../core/log.ts";
import type { Listener, Tls } from "../listener-options.ts";
import { createFastGrpc, type FastGrpcParts } from "./fast-stream.ts";
import { serveStream } from "./general-stream.ts";
import { OpenConnections } from "./open-connections.ts";

export interface GrpcListenerOptions extends FastGrpcParts {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: Tls | undefined;
  readonly handlers: ReadonlyMap<string, UniversalHandlerFn>;
  /** Returns false for a request that came under a name it must not come under. */
  readonly isHostAllowed: (host: string | undefined) => boolean;
  readonly log: Log;
}

const settings = { maxConcurrentStreams: 1000, initialWindowSize: 1 << 20 };

/** Opens the listener. Rejects with the system's error if it cannot. */
export async function startGrpcListener(options: GrpcListenerOptions): Promise<Listener> {
  const { tls, log } = options;
  const server =
    tls === undefined
      ? http2.createServer({ settings })
      : http2.createSecureServer({ settings, cert: tls.cert, key: tls.key });
  const connections = new OpenConnections(server);
  server.on("sessionError", (error) => log.debug("a connection failed", { error }));
  server.on("tlsClientError", (error) => log.debug("a TLS handshake failed", { error }));
  server.on("stream", createDispatcher(options));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const crashed = new Promise<Error>((resolve) => server.on("error", resolve));
  let stopped: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    crashed,
    stop: (graceMs) => (stopped ??= connections.close(graceMs)),
  };
}

function createDispatcher(
  options: GrpcListenerOptions,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders: string[]) => void {
  const { handlers, log } = options;
  const takeFast = createFastGrpc(options);
  return (stream, headers) => {
    // Without a listener a reset by the client would end the process.
    stream.on("error", (error) => log.debug("a stream failed", { error }));
    if (!options.isHostAllowed(headers[":authority"])) return respondStatus(stream, 421);
    const path = pathOf(headers[":path"] ?? "");
    const handler = handlers.get(path);
    if (handler === undefined) return respondUnknown(stream, headers);
    const serve = (received: Parameters<typeof serveStream>[0]["received"]): void =>
      void serveStream({ handler, stream, headers, received, log });
    if (!takeFast(stream, headers, (_stream, bytes, ended) => serve({ bytes, ended }))) serve(undefined);
  };
}

/** Returns a path without its query. */
function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}

/** Answers UNIMPLEMENTED to a gRPC call of a method that does not exist, 404 to anything else. */
function respondUnknown(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (!String(headers["content-type"]).startsWith("application/grpc")) return respondStatus(stream, 404);
  const status = { "grpc-status": "12", "grpc-message": "unknown%20method" };
  stream.respond(
    { ":status": 200, "content-type": "application/grpc+proto", ...status },
    { endStream: true },
  );
}

function respondStatus(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ":status": status }, { endStream: true });
}
