import { Hono } from "hono";
import { cors } from "hono/cors";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import {
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import { cors as connectCors } from "@connectrpc/connect";
import { withoutEndlessDeadline } from "../endless-deadline.ts";
import { type Check, isReady, type Readiness } from "../readiness.ts";
import { allOf, type ReceivedBody } from "./received-body.ts";
import { eventStreamHeaders, type SseParts, watchOverSse } from "./sse.ts";
import { serveTlog } from "./tlog-routes.ts";

export interface HttpAppParts extends SseParts {
  readonly handlers: ReadonlyMap<string, UniversalHandlerFn>;
  readonly readiness: Readiness;
  /** Returns the page for Prometheus. */
  readonly renderMetrics: () => Promise<string>;
  readonly metricsContentType: string;
  /** Origins whose pages may call; `*` for all, none for no page. */
  readonly corsOrigins: readonly string[];
  /** Called for a request whose answer may stay silent for long. */
  readonly keepOpen: (request: Request) => void;
}

const watchPath = /^\/v1\/contexts\/([^/]+)\/watch$/;
const text = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** Returns everything the HTTP listener serves on its general path. */
export function createHttpApp(parts: HttpAppParts): Hono {
  const app = new Hono();
  if (parts.corsOrigins.length > 0) app.use(corsFor(parts.corsOrigins));
  app.get("/healthz", () => new Response("ok\n", { headers: text }));
  app.get("/readyz", (context) => readyz(parts.readiness, context.req.query("verbose") !== undefined));
  app.get("/metrics", async () => {
    const headers = { "content-type": parts.metricsContentType, "cache-control": "no-store" };
    return new Response(await parts.renderMetrics(), { headers });
  });
  app.get("/v1/contexts/*", (context) => {
    const request = context.req.raw;
    const id = watchPath.exec(rawPath(request.url))?.[1];
    if (id === undefined) return context.notFound();
    // Nobody reads the body of an answer to HEAD, so nothing would end its watch.
    if (request.method === "HEAD") return new Response(null, { headers: eventStreamHeaders });
    parts.keepOpen(request);
    return watchOverSse(parts, request, id);
  });
  app.get("/tlog/*", async (context) => {
    const request = context.req.raw;
    const answer = await serveTlog(parts.ledger.integrity, request, rawPath(request.url));
    return answer ?? context.notFound();
  });
  app.all("*", (context) => {
    const handler = parts.handlers.get(rawPath(context.req.raw.url));
    if (handler === undefined) return context.notFound();
    parts.keepOpen(context.req.raw);
    return serveRpc(handler, context.req.raw, undefined);
  });
  app.notFound(() => new Response("not found\n", { status: 404, headers: text }));
  return app;
}

/** Answers a call by its universal handler; `body` is what was read of the request's body before, if anything. */
export async function serveRpc(
  handler: UniversalHandlerFn,
  request: Request,
  body: ReceivedBody | undefined,
): Promise<Response> {
  // Connect refuses bidirectional streams over HTTP/1.1; this listener streams both ways on it too.
  const httpVersion = "2";
  const { url, method, headers, signal } = request;
  const universal =
    body === undefined
      ? universalServerRequestFromFetch(request, { httpVersion })
      : { httpVersion, url, method, signal, body: allOf(body) };
  const answer = await handler({ ...universal, header: withoutEndlessDeadline(headers) });
  return universalServerResponseToFetch(answer);
}

/** Returns the path as it came, without the query. */
export function rawPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  if (start === -1) return "/";
  const end = url.indexOf("?", start);
  return end === -1 ? url.slice(start) : url.slice(start, end);
}

/** One line per part: `[+]name ok`, `[!]name degraded` and why, or `[-]name` and why not. */
function readyz(readiness: Readiness, verbose: boolean): Response {
  const status = isReady(readiness) ? 200 : 503;
  if (verbose)
    return Response.json(readiness.verbose(), { status, headers: { "cache-control": "no-store" } });
  return new Response(readiness.checks().map(checkLine).join(""), { status, headers: text });
}

function checkLine({ name, ok, degraded = false, detail }: Check): string {
  if (!ok) return `[-]${name} ${detail ?? "failed"}\n`;
  return degraded ? `[!]${name} degraded: ${detail}\n` : `[+]${name} ${detail ?? "ok"}\n`;
}

function corsFor(origins: readonly string[]): ReturnType<typeof cors> {
  return cors({
    origin: origins.includes("*") ? "*" : [...origins],
    allowMethods: [...connectCors.allowedMethods],
    allowHeaders: [...connectCors.allowedHeaders, "Last-Event-ID", "If-None-Match"],
    exposeHeaders: [...connectCors.exposedHeaders, "ETag"],
    maxAge: 7200,
  });
}
