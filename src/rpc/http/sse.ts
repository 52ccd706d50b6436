/**
 * A watch as server-sent events, for browsers and curl.
 * [Server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html)
 *
 * @module
 */

import { parseEventId } from "../../core/cursor.ts";
import { LedgerError } from "../../core/errors.ts";
import type { CallCode, Metrics } from "../../core/metrics.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import type { LedgerApi, WatchRequest, Watching } from "../../ledger/ledger-api.ts";
import type { WatchSink } from "../../ledger/watcher.ts";
import { callCode, toConnectError } from "../connect-error.ts";
import { EventStream } from "./event-stream.ts";
import { errorResponse } from "./fast-fetch.ts";
import { entryEvents, proofEvents, resetEvent } from "./sse-events.ts";

/** Headers of every event stream. */
export const eventStreamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // Proxies such as nginx would collect the events otherwise.
  "x-accel-buffering": "no",
};
/** How long a client waits before it connects again. */
const retryMs = 1000;

export interface SseParts {
  readonly ledger: LedgerApi;
  readonly metrics: Metrics;
  readonly heartbeatMs: number;
}

/** Answers `GET /v1/contexts/{id}/watch`; `id` is as it stands in the path. Never rejects. */
export async function watchOverSse(parts: SseParts, request: Request, escapedId: string): Promise<Response> {
  const { ledger, metrics } = parts;
  const startMs = performance.now();
  let watcher: Watching | undefined;
  let over = false;
  metrics.watcher("sse", 1);
  const finish = (code: CallCode): void => {
    if (over) return;
    over = true;
    watcher?.close();
    metrics.watcher("sse", -1);
    metrics.operation("Watch", "sse", code, (performance.now() - startMs) / 1000);
  };
  const stream = new EventStream({ onRoom: () => watcher?.resume(), onGone: () => finish("CANCELLED") });
  request.signal.addEventListener("abort", () => finish("CANCELLED"));
  const sink: WatchSink = {
    entries: (span) => stream.write(span.encoded("sse", entryEvents)),
    proofItems: (items) => stream.write(proofEvents(items)),
    heartbeat: (sequence) => stream.write(encodeUtf8(`: heartbeat ${sequence}\n\n`)),
    caughtUp: (sequence) => void stream.write(encodeUtf8(`: caught up ${sequence}\n\n`)),
    reset: (sequence) => void stream.write(resetEvent(sequence)),
    ended: (error) => {
      finish(callCode(toConnectError(error)));
      stream.end();
    },
  };
  stream.write(encodeUtf8(`retry: ${retryMs}\n\n`));
  try {
    const asked = watchRequest(request, escapedId, parts.heartbeatMs);
    watcher = await watchOrReset(ledger, asked, sink);
  } catch (error) {
    const told = toConnectError(error);
    finish(callCode(told));
    return errorResponse(told);
  }
  if (over) watcher.close();
  else watcher.wake();
  return new Response(stream.body, { headers: eventStreamHeaders });
}

/** Begins the watch; a cursor above the head is answered with a reset to the beginning, never with silence. */
async function watchOrReset(ledger: LedgerApi, asked: WatchRequest, sink: WatchSink): Promise<Watching> {
  try {
    return await ledger.watch(asked, sink);
  } catch (error) {
    if (!(error instanceof LedgerError) || error.facts.reason !== "SEQUENCE_ABOVE_HEAD") throw error;
    sink.reset(0);
    return ledger.watch({ ...asked, from: { sequence: 0 } }, sink);
  }
}

/** Returns what an SSE request asks for. Throws INVALID_ARGUMENT. */
export function watchRequest(request: Request, escapedId: string, heartbeatMs: number): WatchRequest {
  const query = parseQuery(request.url);
  const lastEventId = request.headers.get("last-event-id");
  const from = query.get("from_sequence") ?? "";
  return {
    contextId: unescaped("context_id", escapedId),
    key: query.get("key") ?? "",
    from:
      lastEventId !== null && lastEventId !== ""
        ? parseEventId(lastEventId, "Last-Event-ID")
        : parseEventId(from === "" ? "0" : from, "from_sequence"),
    heartbeatMs,
    resets: true,
    proofs: isSet("proofs", query.get("proofs")),
  };
}

/** Returns what a parameter that is `true` or `false` says; without a value it is not set. Throws INVALID_ARGUMENT. */
function isSet(field: string, value = ""): boolean {
  if (value === "true") return true;
  if (value === "false" || value === "") return false;
  throw new LedgerError("INVALID_ARGUMENT", `${field} is neither true nor false`, {
    reason: "FLAG_INVALID",
    field,
    value: value.slice(0, 64),
    remedy: `set ${field}=true, or leave it out`,
  });
}

const parameterNames = new Set(["key", "from_sequence", "proofs"]);

/** Returns the parameters this endpoint has; of one that is given twice the first counts. */
function parseQuery(url: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of new URL(url).search.slice(1).split("&")) {
    const [name = "", ...value] = pair.split("=");
    if (!parameterNames.has(name) || parameters.has(name)) continue;
    parameters.set(name, unescaped(name, value.join("=").replaceAll("+", " ")));
  }
  return parameters;
}

/** Decodes strictly: URLSearchParams would put U+FFFD in place of what is not UTF-8. */
function unescaped(field: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new LedgerError("INVALID_ARGUMENT", `${field} is not percent-encoded UTF-8`, {
      reason: "INVALID_UTF8",
      field,
      value: text.slice(0, 64),
      remedy: "encode it as encodeURIComponent does",
    });
  }
}
