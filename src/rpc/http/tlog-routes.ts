/**
 * Logs as static files, for caches and for auditors that have nothing but HTTP: checkpoint, keys, tiles and entry
 * bundles of every context and of the log of logs.
 * [C2SP tlog-tiles](https://c2sp.org/tlog-tiles)
 *
 * @module
 */

import { LedgerError, quote } from "../../core/errors.ts";
import { parseLogSegment } from "../../core/tlog/origin.ts";
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
    return answer(request, await resourceOf(integrity, logOf(segment), name));
  } catch (error) {
    const response = errorResponse(toConnectError(error));
    // Without a word about it a 404 may be cached, and the next checkpoint may need what is at that path.
    response.headers.set("cache-control", "no-store");
    return response;
  }
}

async function resourceOf(integrity: Integrity, log: LogName, name: string): Promise<Resource> {
  if (name === "checkpoint") {
    const { note } = await integrity.checkpoint(log);
    return { body: note, type: text, caching: changing };
  }
  if (name === "vkey") {
    const { keys } = await integrity.verifierKeys(log);
    return { body: keys.map((key) => `${key}\n`).join(""), type: text, caching: changing };
  }
  const tile = parseTilePath(name);
  if (tile === undefined) throw tilePathInvalid(name);
  const { bytes } = await (tile.kind === "entries"
    ? integrity.entryBundle(log, tile)
    : integrity.tile(log, tile));
  return { body: Uint8Array.from(bytes), type: binary, caching: immutable };
}

/** Returns the log that a path segment names; undefined stands for the log of logs. Throws LedgerError. */
function logOf(segment: string | undefined): LogName {
  if (segment === undefined) return { kind: "node" };
  const named = parseLogSegment(segment);
  if (named === undefined) throw segmentInvalid(segment);
  const { contextId, generation } = named;
  checkContextId(contextId);
  if (generation !== 1) throw generationUnknown(contextId, generation);
  return { kind: "context", contextId };
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

function generationUnknown(contextId: string, generation: number): LedgerError {
  return new LedgerError("NOT_FOUND", `context ${quote(contextId)} has no generation ${generation}`, {
    reason: "GENERATION_NOT_FOUND",
    field: "generation",
    value: generation,
    limit: 1,
    remedy: "use the origin of the newest checkpoint",
  });
}
