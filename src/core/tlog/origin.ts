/**
 * Names of logs. A context's log is `<log name>/<escaped context id>[@<generation>]`, which is the origin of its
 * checkpoints and the name of its keys; the log of logs is the log name itself.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { LedgerError, quote } from "../errors.ts";
import { limits } from "../limits.ts";
import { utf8Length } from "../utf8.ts";

/** What a log is about. */
export interface LogSegment {
  readonly contextId: string;
  /** At least 1. */
  readonly generation: number;
}

/** Throws INVALID_ARGUMENT unless `name` can be the name of a node's log of logs. */
export function checkLogName(name: string): void {
  if (isLogName(name)) return;
  throw new LedgerError(
    "INVALID_ARGUMENT",
    `log name ${quote(name)} is not 1 to ${limits.logNameBytesMax} letters, digits and . _ - /`,
    {
      reason: "LOG_NAME_INVALID",
      field: "log_name",
      value: name.slice(0, 64),
      limit: limits.logNameBytesMax,
      remedy: "use A to Z, a to z, 0 to 9, dot, underscore, hyphen and slash only",
    },
  );
}

export function isLogName(name: string): boolean {
  return name.length <= limits.logNameBytesMax && /^[A-Za-z0-9._/-]+$/.test(name);
}

/** Returns the origin of a context's log. */
export function contextOrigin(logName: string, contextId: string, generation: number): string {
  assert(Number.isSafeInteger(generation) && generation >= 1, "generations begin with 1");
  const escaped = escapeContextId(contextId);
  return generation === 1 ? `${logName}/${escaped}` : `${logName}/${escaped}@${generation}`;
}

/** Returns what an origin of {@link contextOrigin} was made of, undefined if it is none. */
export function parseContextOrigin(origin: string): (LogSegment & { readonly logName: string }) | undefined {
  // Neither an escaped id nor a generation has a slash.
  const slash = origin.lastIndexOf("/");
  const logName = origin.slice(0, Math.max(slash, 0));
  const segment = parseLogSegment(origin.slice(slash + 1));
  return segment === undefined || !isLogName(logName) ? undefined : { logName, ...segment };
}

/** Returns what a segment `<escaped context id>[@<generation>]` means, undefined if it is not written exactly so. */
export function parseLogSegment(text: string): LogSegment | undefined {
  const at = text.indexOf("@");
  const contextId = unescapeContextId(at < 0 ? text : text.slice(0, at));
  if (contextId === undefined || contextId === "") return undefined;
  if (utf8Length(contextId) > limits.contextIdBytesMax) return undefined;
  if (at < 0) return { contextId, generation: 1 };
  const digits = text.slice(at + 1);
  const generation = Number(digits);
  // The first generation is not written.
  if (!/^[1-9][0-9]{0,15}$/.test(digits) || generation < 2 || !Number.isSafeInteger(generation))
    return undefined;
  return { contextId, generation };
}

/**
 * Returns a context id as part of a URL path: unreserved characters as they are, all other bytes as %XX.
 * [RFC 3986, section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)
 */
export function escapeContextId(id: string): string {
  assert(id.isWellFormed(), "context ids are well-formed text");
  return encodeURIComponent(id).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Returns the context id that {@link escapeContextId} makes `text` of, undefined if there is none. */
export function unescapeContextId(text: string): string | undefined {
  if (!/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*$/.test(text)) return undefined;
  let id: string;
  try {
    id = decodeURIComponent(text);
  } catch {
    return undefined;
  }
  return escapeContextId(id) === text ? id : undefined;
}
