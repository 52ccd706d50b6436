/**
 * The part of a packed commit that takes entries out of contexts. `u32 truncations, u32 drops, u32 settled`, then
 * truncations `id, old head, u8 has to, new head, f64 archive, accepted, i64 archivedAtNs`, drops `id, u8 has from,
 * old head`, and log numbers `f64`. An old head is `f64 log, f64 latest, f64 bytes`, a new one `f64 latest, f64 bytes,
 * i64 lamport, i64 appendedAtNs, i64 createdAtNs`; ids and epochs are those of `packed-fields.ts`.
 *
 * @module
 */

import type { Commit, Drop, Head, Truncation } from "../ledger/ports.ts";
import { epochBytesMax, FieldReader, FieldWriter, type PackedEpoch } from "./packed-fields.ts";

type Base = Pick<Head, "log" | "latest" | "bytes">;

/** A truncation as the writer binds it. The arrays are views into the packed bytes. */
export interface PackedTruncation {
  readonly id: Uint8Array;
  readonly from: Base;
  readonly to: Head | undefined;
  readonly archive: number;
  readonly accepted: PackedEpoch;
  readonly archivedAtNs: bigint;
}

export interface PackedDrop {
  readonly id: Uint8Array;
  readonly from: Base | undefined;
}

export interface PackedRemovals {
  readonly truncations: readonly PackedTruncation[];
  readonly drops: readonly PackedDrop[];
  readonly settled: readonly number[];
}

const countsBytes = 12;
const truncationBytes = 2 + 24 + 1 + 40 + 8 + epochBytesMax + 8;
const dropBytes = 2 + 1 + 24;
const settledBytes = 8;

/** Returns how many bytes this part of a commit takes at most; 0 if the commit has none of it. */
export function removalsBytesMax({ truncations = [], drops = [], settled = [] }: Commit): number {
  if (truncations.length === 0 && drops.length === 0 && settled.length === 0) return 0;
  let bytes = countsBytes + settledBytes * settled.length;
  for (const { contextId } of truncations) bytes += truncationBytes + 3 * contextId.length;
  for (const { contextId } of drops) bytes += dropBytes + 3 * contextId.length;
  return bytes;
}

/** Writes this part from `start` on and returns where it ends. */
export function packRemovals(bytes: Uint8Array, view: DataView, start: number, commit: Commit): number {
  const { truncations = [], drops = [], settled = [] } = commit;
  const fields = new FieldWriter(bytes, view, start);
  for (const list of [truncations, drops, settled]) fields.u32(list.length);
  for (const truncation of truncations) packTruncation(fields, truncation);
  for (const drop of drops) packDrop(fields, drop);
  for (const log of settled) fields.f64(log);
  return fields.at;
}

/** Reads this part from `start` on and returns where it ends, too. */
export function unpackRemovals(
  bytes: Uint8Array,
  view: DataView,
  start: number,
): { readonly removals: PackedRemovals; readonly end: number } {
  const fields = new FieldReader(bytes, view, start);
  const [truncationCount, dropCount, settledCount] = [fields.u32(), fields.u32(), fields.u32()];
  const truncations = fields.list(truncationCount, () => unpackTruncation(fields));
  const drops = fields.list(dropCount, () => unpackDrop(fields));
  const settled = fields.list(settledCount, () => fields.f64());
  return { removals: { truncations, drops, settled }, end: fields.at };
}

function packTruncation(fields: FieldWriter, truncation: Truncation): void {
  const { to } = truncation;
  fields.text(truncation.contextId);
  packBase(fields, truncation.from);
  fields.u8(to === undefined ? 0 : 1);
  if (to !== undefined) {
    fields.f64(to.latest);
    fields.f64(to.bytes);
    fields.i64(to.lamport);
    fields.i64(to.appendedAtNs);
    fields.i64(to.createdAtNs);
  }
  fields.f64(truncation.archive);
  fields.epoch(truncation.accepted);
  fields.i64(truncation.archivedAtNs);
}

function unpackTruncation(fields: FieldReader): PackedTruncation {
  const id = fields.text();
  const from = unpackBase(fields);
  const to = fields.u8() === 0 ? undefined : unpackHead(fields, from.log);
  return { id, from, to, archive: fields.f64(), accepted: fields.epoch(), archivedAtNs: fields.i64() };
}

/** Reads a head that keeps the log. */
function unpackHead(fields: FieldReader, log: number): Head {
  const [latest, bytes] = [fields.f64(), fields.f64()];
  const [lamport, appendedAtNs, createdAtNs] = [fields.i64(), fields.i64(), fields.i64()];
  return { log, latest, bytes, lamport, appendedAtNs, createdAtNs };
}

function packDrop(fields: FieldWriter, { contextId, from }: Drop): void {
  fields.text(contextId);
  fields.u8(from === undefined ? 0 : 1);
  if (from !== undefined) packBase(fields, from);
}

function unpackDrop(fields: FieldReader): PackedDrop {
  const id = fields.text();
  return { id, from: fields.u8() === 0 ? undefined : unpackBase(fields) };
}

function packBase(fields: FieldWriter, { log, latest, bytes }: Base): void {
  fields.f64(log);
  fields.f64(latest);
  fields.f64(bytes);
}

function unpackBase(fields: FieldReader): Base {
  return { log: fields.f64(), latest: fields.f64(), bytes: fields.f64() };
}
