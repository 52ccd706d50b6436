/**
 * Where a reader has got to in a context: the sequence of the last entry it has, and optionally the
 * beginning of that entry's hash, which shows whether the context still is the one it was.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { LedgerError, quote } from "./errors.ts";
import type { Hash } from "./hasher.ts";
import { hex, unhex } from "./hex.ts";
import { limits } from "./limits.ts";

export interface Cursor {
  /** The last entry the reader has, 0 for none, or "latest" for only new entries. Infinity if there can be none such. */
  readonly sequence: number | "latest";
  /** The sequence that was asked for, if it is above every possible one. */
  readonly beyond?: bigint;
  /** The first 8 bytes of that entry's content hash, if the reader knows them. */
  readonly hashPrefix?: Uint8Array;
}

export const resumeTokenBytes = 16;

/** Returns the resume token after an entry, or after sequence 0, where there is none. */
export function encodeResumeToken(sequence: number, contentHash: Hash | undefined): Uint8Array {
  assert(sequence === 0 || contentHash !== undefined, "every entry has a content hash");
  const token = new Uint8Array(resumeTokenBytes);
  if (contentHash === undefined) return token;
  new DataView(token.buffer).setBigUint64(0, BigInt(sequence));
  token.set(prefixOf(contentHash), 8);
  return token;
}

/** Returns the cursor of a bare sequence below 2^64, where 2^64−1 is "latest". */
export function sequenceCursor(sequence: bigint): Cursor {
  if (sequence === uint64Max) return { sequence: "latest" };
  if (sequence <= BigInt(limits.sequenceMax)) return { sequence: Number(sequence) };
  return { sequence: Number.POSITIVE_INFINITY, beyond: sequence };
}

/** Parses a resume token. Throws INVALID_ARGUMENT naming `field`. */
export function parseResumeToken(token: Uint8Array, field: string): Cursor {
  if (token.length !== resumeTokenBytes) {
    throw invalid(
      field,
      `${field} has ${token.length} bytes, a resume token has ${resumeTokenBytes}`,
      token.length,
    );
  }
  const sequence = new DataView(token.buffer, token.byteOffset).getBigUint64(0);
  const cursor = entryCursor(sequence, token.slice(8));
  if (cursor === undefined) throw invalid(field, `${field} ${hex(token)} is not a resume token`, hex(token));
  return cursor;
}

/** Returns the id of an entry as an event: `<sequence>-<16 hexadecimal digits of its content hash>`. */
export function formatEventId(sequence: number, contentHash: Hash): string {
  return `${sequence}-${hex(prefixOf(contentHash))}`;
}

/** Parses an event id, or a bare sequence, where 2^64−1 is "latest". Throws INVALID_ARGUMENT naming `field`. */
export function parseEventId(text: string, field: string): Cursor {
  const cursor = parsed(text);
  if (cursor === undefined) {
    throw invalid(field, `${field} ${quote(text)} is neither a sequence nor an event id`, text.slice(0, 128));
  }
  return cursor;
}

const uint64Max = 2n ** 64n - 1n;

function parsed(text: string): Cursor | undefined {
  const [, digits, prefix] = /^(0|[1-9][0-9]{0,19})(?:-([0-9a-f]{16}))?$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const sequence = BigInt(digits);
  if (prefix !== undefined) return entryCursor(sequence, unhex(prefix));
  if (sequence > uint64Max) return undefined;
  return sequenceCursor(sequence);
}

/** Returns a cursor with a hash; before the first entry there is none, and its bytes are zero. */
function entryCursor(sequence: bigint, hashPrefix: Uint8Array | undefined): Cursor | undefined {
  if (hashPrefix === undefined || sequence > BigInt(limits.sequenceMax)) return undefined;
  if (sequence > 0n) return { sequence: Number(sequence), hashPrefix };
  return hashPrefix.every((byte) => byte === 0) ? { sequence: 0 } : undefined;
}

function prefixOf(contentHash: Hash): Uint8Array {
  return contentHash.subarray(0, 8);
}

function invalid(field: string, message: string, value: string | number): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", message, {
    reason: "CURSOR_INVALID",
    field,
    value,
    remedy: "pass back what the server sent, or leave it out to start from the beginning",
  });
}
