/**
 * Snapshots of the first implementation, written field by field so that each can be made wrong. Hashes and
 * roots are computed here, with node:crypto, not with the code under test.
 *
 * @module
 */

import zlib from "node:zlib";

import { LedgerError } from "../../../src/core/errors.ts";
import { createLoadReader, type LoadSummary } from "../../../src/core/snapshot/load-reader.ts";
import { inflate } from "../../../src/node/inflate.ts";
import { decoded, hasher, joined, type ReadEntry, sha256, u32, zstd } from "./snapshot-fixtures.ts";

/** Returns an atom as OTP 26 and later write it. */
export function atom(name: string): Uint8Array {
  const bytes = Buffer.from(name);
  return joined(Uint8Array.of(119, bytes.length), bytes);
}

/** Returns an atom as OTP 25 writes it. */
export function oldAtom(name: string): Uint8Array {
  const bytes = Buffer.from(name, "latin1");
  return joined(Uint8Array.of(100, bytes.length >> 8, bytes.length & 255), bytes);
}

export function binary(content: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(content as Uint8Array);
  return joined(Uint8Array.of(109), u32(bytes.length), bytes);
}

/** Returns an integer in its shortest form. */
export function integer(value: bigint | number): Uint8Array {
  const big = BigInt(value);
  if (big >= 0n && big < 256n) return Uint8Array.of(97, Number(big));
  if (big >= -(2n ** 31n) && big < 2n ** 31n) return joined(Uint8Array.of(98), u32(Number(big) >>> 0));
  const bytes: number[] = [];
  for (let rest = big < 0n ? -big : big; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 255n));
  return Uint8Array.of(110, bytes.length, big < 0n ? 1 : 0, ...bytes);
}

export function list(...items: readonly Uint8Array[]): Uint8Array {
  if (items.length === 0) return Uint8Array.of(106);
  return joined(Uint8Array.of(108), u32(items.length), ...items, Uint8Array.of(106));
}

/** Returns a map with the names as atoms; what is undefined is left out. */
export function map(
  fields: Readonly<Record<string, Uint8Array | undefined>>,
  nameOf: (name: string) => Uint8Array = atom,
): Uint8Array {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [joined(nameOf(name), value)],
  );
  return joined(Uint8Array.of(116), u32(pairs.length), ...pairs);
}

export const nil = atom("nil");

/** An entry's fields as they are in the term. */
export type Fields = Readonly<Record<string, Uint8Array | undefined>>;

/** Entry number `sequence` of context "ctx"; its hash is right for these values, whatever the changes are. */
export function firstEntry(sequence: number, changes: Fields = {}): Fields {
  return {
    id: binary(sequence.toString(16).padStart(32, "0")),
    key: binary(`key-${sequence}`),
    payload: binary(`payload ${sequence}`),
    sequence: integer(sequence),
    appended_at_ns: integer(timeOf(sequence)),
    metadata: map({ agent: binary("a"), note: binary("é") }, binary),
    lamport_clock: integer(2 * sequence),
    content_hash: binary(leafOf(sequence)),
    ...changes,
  };
}

function timeOf(sequence: number): bigint {
  return 1_795_400_551_637_221_696n + BigInt(sequence);
}

/** Returns the hash of an unchanged entry. */
export function leafOf(sequence: number): Uint8Array {
  const term = list(
    binary("ctx"),
    binary(`key-${sequence}`),
    binary(`payload ${sequence}`),
    integer(sequence),
    integer(timeOf(sequence)),
  );
  return sha256(joined(Uint8Array.of(131), term));
}

/** Returns the root of unchanged entries, level by level. */
export function rootOfFirst(count: number): Uint8Array {
  let level = Array.from({ length: count }, (_, i) => leafOf(i + 1));
  if (count === 0) return sha256(new Uint8Array(0));
  do {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) =>
      level.slice(2 * i, 2 * i + 2),
    );
    level = pairs.map(([left, right]) => sha256(joined(left as Uint8Array, right ?? (left as Uint8Array))));
  } while (level.length > 1);
  return level[0] as Uint8Array;
}

/** Returns the outer fields of a version 2 snapshot. */
export function outerFields(entries: readonly Fields[], changes: Fields = {}): Fields {
  return {
    version: integer(2),
    context_id: binary("ctx"),
    entries: list(...entries.map((entry) => map(entry))),
    sequence: integer(entries.length),
    merkle_root: binary(rootOfFirst(entries.length)),
    ...changes,
  };
}

/** Returns a version 2 snapshot of these entries, as an unpacked term. */
export function firstSnapshot(entries: readonly Fields[], changes: Fields = {}): Uint8Array {
  return plain(map(outerFields(entries, changes)));
}

export function firstEntries(count: number): Fields[] {
  return Array.from({ length: count }, (_, i) => firstEntry(i + 1));
}

/** What turns a version 2 snapshot into one of version 1. */
export const version1: Fields = { version: integer(1), merkle_root: undefined };

export function plain(term: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(131), term);
}

export function packed(term: Uint8Array, declared = term.length): Uint8Array {
  return joined(Uint8Array.of(131, 80), u32(declared), zlib.deflateSync(term));
}

/** Returns the term of a packed or unpacked snapshot. */
export function termOf(blob: Uint8Array): Uint8Array {
  return blob[1] === 80 ? zlib.inflateSync(blob.subarray(6)) : blob.subarray(1);
}

export interface Loaded extends LoadSummary {
  readonly contextId: string;
  readonly entries: readonly ReadEntry[];
}

/** Reads a snapshot of any version. */
export function readAny(
  bytes: Uint8Array,
  { allowUnverified = false, chunkBytes = 65_536 }: { allowUnverified?: boolean; chunkBytes?: number } = {},
): Loaded {
  const reader = createLoadReader({ hasher, zstd, inflate, allowUnverified });
  const entries: ReadEntry[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    for (const batch of reader.push(bytes.subarray(at, at + chunkBytes))) entries.push(...batch.map(decoded));
  }
  const rest = reader.finish();
  for (;;) {
    const next = rest.next();
    if (next.done === true) return { ...next.value, contextId: reader.contextId, entries };
    entries.push(...next.value.map(decoded));
  }
}

/** Returns the error with which a snapshot is refused, as `REASON: message`; "accepted" if it is not. */
export function refusalOfAny(bytes: Uint8Array, options: Parameters<typeof readAny>[1] = {}): string {
  try {
    readAny(bytes, options);
  } catch (error) {
    if (error instanceof LedgerError && error.code === "INVALID_ARGUMENT")
      return `${error.facts.reason}: ${error.message}`;
    throw error;
  }
  return "accepted";
}
