/**
 * Logs as static files, for caches and for auditors that have nothing but HTTP: checkpoint, keys, tiles and entry
 * bundles of every context and of the log of logs.
 * [C2SP tlog-tiles](https://c2sp.org/tlog-tiles)
 *
 * @module
 */

import { LedgerError, quote } from "../../core/errors.ts";
import { type LogSegment, parseContextOrigin, parseLogSegment } from "../../core/tlog/origin.ts";
import { parseTilePath } from "../../core/tlog/tile-path.ts";
import { checkContextId } from "../../core/validate.ts";
import type { Integrity, LogName } from "../../ledger/integrity.ts";
import { toConnectError } from "../connect-error.ts";
import { errorResponse } from "./fast-fetch.ts";

/** What is served at one path. */
interface Resource {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly caching: string;
  /** Of the log it is of, if it says so. */
  readonly origin?: string;
}

const logPath = /^\/tlog\/(?:node|contexts\/([^/]+))\/(checkpoint|vkey|tile\/.*)$/;
const text = "text/plain; charset=utf-8";
const binary = "application/octet-stream";
/** Of what changes: long enough to take the load of many readers, too short to be taken for a log that stands still. */
const changing = "max-age=2";
const immutable = "max-age=31536000, immutable";

/** Answers a GET of something below `/tlog/` by its raw path; undefined if there can be no such thing. Never rejects. */
export async function serveTlog(
  integrity: Integrity,
  request: Request,
  path: string,
): Promise<Response | undefined> {
  const [, segment, name] = logPath.exec(path) ?? [];
  if (name === undefined) return undefined;
  try {
    const { log, generation } = logOf(segment);
    if (log.kind === "node") return answer(request, await resourceOf(integrity, log, name));
    return answer(request, await ofGeneration(integrity, { ...log, generation }, name));
  } catch (error) {
    const told = errorResponse(toConnectError(error));
    const isGone = error instanceof LedgerError && error.facts.reason === "GENERATION_GONE";
    const response = isGone ? new Response(told.body, { status: 410, headers: told.headers }) : told;
    // Without a word about it a 404 may be cached, and the next checkpoint may need what is at that path.
    response.headers.set("cache-control", "no-store");
    return response;
  }
}

/** Returns what a context's log has in one generation. Throws NOT_FOUND unless it is in that one. */
async function ofGeneration(integrity: Integrity, asked: LogSegment, name: string): Promise<Resource> {
  const log = { kind: "context", contextId: asked.contextId } as const;
  const [read] = await Promise.allSettled([resourceOf(integrity, log, name)]);
  if (read.status === "rejected" && isInvalid(read.reason)) throw read.reason;
  // Looked at afterwards: what was read before a new generation began is of the old one.
  const told = read.status === "fulfilled" ? read.value.origin : undefined;
  checkGeneration(asked, told ?? (await integrity.verifierKeys(log)).origin);
  if (read.status === "rejected") throw read.reason;
  return read.value;
}

async function resourceOf(integrity: Integrity, log: LogName, name: string): Promise<Resource> {
  if (name === "checkpoint") {
    const { note, origin } = await integrity.checkpoint(log);
    return { body: note, type: text, caching: changing, origin };
  }
  if (name === "vkey") {
    const { keys, origin } = await integrity.verifierKeys(log);
    return { body: keys.map((key) => `${key}\n`).join(""), type: text, caching: changing, origin };
  }
  const tile = parseTilePath(name);
  if (tile === undefined) throw tilePathInvalid(name);
  const { bytes } = await (tile.kind === "entries"
    ? integrity.entryBundle(log, tile)
    : integrity.tile(log, tile));
  return { body: Uint8Array.from(bytes), type: binary, caching: immutable };
}

function isInvalid(error: unknown): boolean {
  return error instanceof LedgerError && error.code === "INVALID_ARGUMENT";
}

/** Throws NOT_FOUND unless a log, whose origin is this, is in the generation that was asked for. */
function checkGeneration({ contextId, generation }: LogSegment, origin: string): void {
  const now = parseContextOrigin(origin)?.generation ?? 1;
  if (generation > now) throw generationUnknown(contextId, generation, now);
  if (generation < now) throw generationGone(contextId, generation, now);
}

/** Returns the log that a path segment names; undefined stands for the log of logs. Throws LedgerError. */
function logOf(segment: string | undefined): { readonly log: LogName; readonly generation: number } {
  if (segment === undefined) return { log: { kind: "node" }, generation: 1 };
  const named = parseLogSegment(segment);
  if (named === undefined) throw segmentInvalid(segment);
  const { contextId, generation } = named;
  checkContextId(contextId);
  return { log: { kind: "context", contextId }, generation };
}

/** Answers with a resource, or with 304 if the client has it. */
function answer(request: Request, { body, type, caching }: Resource): Response {
  const etag = `"${Bun.hash(body).toString(16)}"`;
  const headers = { etag, "cache-control": caching };
  if (isKnown(request.headers.get("if-none-match"), etag))
    return new Response(null, { status: 304, headers });
  // Said here, because otherwise the answer to HEAD would be given the length of its own, empty body.
  const length = String(Buffer.byteLength(body));
  return new Response(body, { headers: { ...headers, "content-type": type, "content-length": length } });
}

/** [HTTP semantics, If-None-Match](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2) */
function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch.split(",").some((one) => {
    const tag = one.trim();
    return tag === "*" || tag.replace(/^W\//, "") === etag;
  });
}

function segmentInvalid(segment: string): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `${quote(segment)} does not name the log of a context`, {
    reason: "LOG_SEGMENT_INVALID",
    field: "context_id",
    value: segment.slice(0, 64),
    remedy: "use the last part of the log's origin: the percent-encoded context id, and @ with a generation",
  });
}

function tilePathInvalid(path: string): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `${quote(path)} is not the path of a tile`, {
    reason: "TILE_PATH_INVALID",
    field: "tile",
    value: path.slice(0, 64),
    remedy: "use tile/<level>/<index> or tile/entries/<index>, with .p/<width> for a partial one",
  });
}

/** What was signed in an earlier generation stays valid, and is not kept here any more. */
function generationGone(contextId: string, generation: number, now: number): LedgerError {
  const text = `entries of generation ${generation} of context ${quote(contextId)} have lost their place`;
  return new LedgerError("NOT_FOUND", text, {
    ...{ reason: "GENERATION_GONE", field: "generation", value: generation, limit: now },
    remedy: `follow generation ${now}`,
  });
}

function generationUnknown(contextId: string, generation: number, now: number): LedgerError {
  return new LedgerError("NOT_FOUND", `context ${quote(contextId)} has no generation ${generation}`, {
    reason: "GENERATION_NOT_FOUND",
    field: "generation",
    value: generation,
    limit: now,
    remedy: "use the origin of the newest checkpoint",
  });
}
