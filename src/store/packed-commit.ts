/**
 * A commit as one array of bytes, so that it changes threads without being copied.
 * Everything is little-endian: `u32 rows, u32 heads, u8 parts`, then rows
 * `f64 log, f64 sequence, u32 wire, u16 key, u16 id (65535: none), u16 hash` and their bytes, then heads
 * `u16 id, u8 has from, f64 log, f64 latest, f64 bytes` of the old head, then of the new one
 * `f64 log, f64 latest, f64 bytes, i64 lamport, i64 appendedAtNs, i64 createdAtNs`, and the id, and at the end
 * what `packed-roster.ts`, `packed-removals.ts`, `packed-replicas.ts` and `packed-integrity.ts` say, of the parts it has,
 * and rows that are to replace damaged ones: their number as u32, and each as above.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { writeUtf8 } from "../core/utf8.ts";
import type { Commit, Head, HeadChange, NewRow } from "../ledger/ports.ts";
import {
  integrityBytesMax,
  type PackedIntegrity,
  packIntegrity,
  unpackIntegrity,
} from "./packed-integrity.ts";
import { type PackedRemovals, packRemovals, removalsBytesMax, unpackRemovals } from "./packed-removals.ts";
import { type PackedReplicas, packReplicas, replicasBytesMax, unpackReplicas } from "./packed-replicas.ts";
import { type PackedRoster, packRoster, rosterBytesMax, unpackRoster } from "./packed-roster.ts";

/** A row as the writer binds it. The arrays are views into the packed bytes. */
export interface PackedRow {
  readonly log: number;
  readonly sequence: number;
  /** The findable id, if there is one. */
  readonly id: Uint8Array | null;
  readonly key: Uint8Array;
  readonly contentHash: Uint8Array;
  readonly wire: Uint8Array;
}

export interface PackedHeadChange {
  readonly id: Uint8Array;
  readonly from: Pick<Head, "log" | "latest" | "bytes"> | undefined;
  readonly to: Head;
}

export interface PackedCommit {
  readonly rows: readonly PackedRow[];
  readonly heads: readonly PackedHeadChange[];
  /** Undefined if the commit has nothing of it; likewise those that follow. */
  readonly integrity: PackedIntegrity | undefined;
  readonly roster: PackedRoster | undefined;
  readonly removals: PackedRemovals | undefined;
  readonly replicas: PackedReplicas | undefined;
  readonly repairs: readonly PackedRow[] | undefined;
}

/** Bits of the byte that says which parts there are. */
const hasPart = { roster: 1, removals: 2, replicas: 4, integrity: 8, repairs: 16 };
const countsBytes = 9;
const repairsCountBytes = 4;
const rowHeadBytes = 26;
const headHeadBytes = 75;
const noId = 65_535;

/** Packs `commit` into `spare` if it is large enough, else into a new buffer of at least `bufferBytesMin`. */
export function packCommit(
  commit: Commit,
  spare: ArrayBuffer | undefined,
  bufferBytesMin: number,
): ArrayBuffer {
  const integrityBytes = integrityBytesMax(commit);
  const rosterBytes = rosterBytesMax(commit);
  const removalsBytes = removalsBytesMax(commit);
  const replicasBytes = replicasBytesMax(commit);
  const { repairs = [] } = commit;
  const size =
    packedBytesMax(commit) +
    integrityBytes +
    rosterBytes +
    removalsBytes +
    replicasBytes +
    rowsBytesMax(repairs);
  const buffer =
    spare !== undefined && spare.byteLength >= size ? spare : new ArrayBuffer(Math.max(size, bufferBytesMin));
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  view.setUint32(0, commit.rows.length, true);
  view.setUint32(4, commit.heads.length, true);
  let parts = 0;
  if (rosterBytes > 0) parts |= hasPart.roster;
  if (removalsBytes > 0) parts |= hasPart.removals;
  if (replicasBytes > 0) parts |= hasPart.replicas;
  if (integrityBytes > 0) parts |= hasPart.integrity;
  if (repairs.length > 0) parts |= hasPart.repairs;
  view.setUint8(8, parts);
  let at = countsBytes;
  for (const row of commit.rows) at = packRow(bytes, view, at, row);
  for (const change of commit.heads) at = packHead(bytes, view, at, change);
  if (rosterBytes > 0) at = packRoster(bytes, view, at, commit);
  if (removalsBytes > 0) at = packRemovals(bytes, view, at, commit);
  if (replicasBytes > 0) at = packReplicas(bytes, view, at, commit);
  if (integrityBytes > 0) at = packIntegrity(bytes, view, at, commit);
  if (repairs.length > 0) {
    view.setUint32(at, repairs.length, true);
    at += repairsCountBytes;
    for (const row of repairs) at = packRow(bytes, view, at, row);
  }
  assert(at <= size, "a packed commit fits the size worked out for it");
  return buffer;
}

export function unpackCommit(buffer: ArrayBuffer): PackedCommit {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  const rows: PackedRow[] = [];
  const heads: PackedHeadChange[] = [];
  let at = countsBytes;
  for (let left = view.getUint32(0, true); left > 0; left -= 1) at = unpackRow(bytes, view, at, rows);
  for (let left = view.getUint32(4, true); left > 0; left -= 1) at = unpackHead(bytes, view, at, heads);
  const parts = view.getUint8(8);
  let roster: PackedRoster | undefined;
  let removals: PackedRemovals | undefined;
  let replicas: PackedReplicas | undefined;
  if ((parts & hasPart.roster) !== 0) ({ roster, end: at } = unpackRoster(bytes, view, at));
  if ((parts & hasPart.removals) !== 0) ({ removals, end: at } = unpackRemovals(bytes, view, at));
  if ((parts & hasPart.replicas) !== 0) ({ replicas, end: at } = unpackReplicas(bytes, view, at));
  let integrity: PackedIntegrity | undefined;
  if ((parts & hasPart.integrity) !== 0) ({ integrity, end: at } = unpackIntegrity(bytes, view, at));
  const repairs = (parts & hasPart.repairs) === 0 ? undefined : unpackRepairs(bytes, view, at);
  return { rows, heads, roster, removals, replicas, integrity, repairs };
}

function unpackRepairs(bytes: Uint8Array, view: DataView, start: number): readonly PackedRow[] {
  const rows: PackedRow[] = [];
  let at = start + repairsCountBytes;
  for (let left = view.getUint32(start, true); left > 0; left -= 1) at = unpackRow(bytes, view, at, rows);
  return rows;
}

/** UTF-8 takes at most 3 bytes for each unit of a string; counting exactly would cost a second walk. */
function packedBytesMax(commit: Commit): number {
  let bytes = countsBytes + repairsCountBytes + rowsBytesMax(commit.rows);
  for (const { contextId } of commit.heads) bytes += headHeadBytes + 3 * contextId.length;
  return bytes;
}

function rowsBytesMax(rows: readonly NewRow[]): number {
  let bytes = 0;
  for (const { key, findableId, contentHash, wire } of rows)
    bytes += rowHeadBytes + 3 * (key.length + (findableId?.length ?? 0)) + contentHash.length + wire.length;
  return bytes;
}

function packRow(bytes: Uint8Array, view: DataView, start: number, row: NewRow): number {
  const keyAt = start + rowHeadBytes;
  const idAt = writeUtf8(bytes, keyAt, row.key);
  const hashAt = row.findableId === undefined ? idAt : writeUtf8(bytes, idAt, row.findableId);
  assert(idAt - keyAt < noId && hashAt - idAt < noId, "keys and ids are far below 64 KiB");
  view.setFloat64(start, row.log, true);
  view.setFloat64(start + 8, row.sequence, true);
  view.setUint32(start + 16, row.wire.length, true);
  view.setUint16(start + 20, idAt - keyAt, true);
  view.setUint16(start + 22, row.findableId === undefined ? noId : hashAt - idAt, true);
  view.setUint16(start + 24, row.contentHash.length, true);
  bytes.set(row.contentHash, hashAt);
  bytes.set(row.wire, hashAt + row.contentHash.length);
  return hashAt + row.contentHash.length + row.wire.length;
}

function unpackRow(bytes: Uint8Array, view: DataView, start: number, rows: PackedRow[]): number {
  const idBytes = view.getUint16(start + 22, true);
  const keyAt = start + rowHeadBytes;
  const idAt = keyAt + view.getUint16(start + 20, true);
  const hashAt = idBytes === noId ? idAt : idAt + idBytes;
  const wireAt = hashAt + view.getUint16(start + 24, true);
  const end = wireAt + view.getUint32(start + 16, true);
  rows.push({
    log: view.getFloat64(start, true),
    sequence: view.getFloat64(start + 8, true),
    id: idBytes === noId ? null : bytes.subarray(idAt, hashAt),
    key: bytes.subarray(keyAt, idAt),
    contentHash: bytes.subarray(hashAt, wireAt),
    wire: bytes.subarray(wireAt, end),
  });
  return end;
}

function packHead(bytes: Uint8Array, view: DataView, start: number, change: HeadChange): number {
  const { from, to } = change;
  const end = writeUtf8(bytes, start + headHeadBytes, change.contextId);
  view.setUint16(start, end - start - headHeadBytes, true);
  view.setUint8(start + 2, from === undefined ? 0 : 1);
  view.setFloat64(start + 3, from?.log ?? 0, true);
  view.setFloat64(start + 11, from?.latest ?? 0, true);
  view.setFloat64(start + 19, from?.bytes ?? 0, true);
  view.setFloat64(start + 27, to.log, true);
  view.setFloat64(start + 35, to.latest, true);
  view.setFloat64(start + 43, to.bytes, true);
  view.setBigInt64(start + 51, to.lamport, true);
  view.setBigInt64(start + 59, to.appendedAtNs, true);
  view.setBigInt64(start + 67, to.createdAtNs, true);
  return end;
}

function unpackHead(bytes: Uint8Array, view: DataView, start: number, heads: PackedHeadChange[]): number {
  const end = start + headHeadBytes + view.getUint16(start, true);
  heads.push({
    id: bytes.subarray(start + headHeadBytes, end),
    from:
      view.getUint8(start + 2) === 0
        ? undefined
        : {
            log: view.getFloat64(start + 3, true),
            latest: view.getFloat64(start + 11, true),
            bytes: view.getFloat64(start + 19, true),
          },
    to: {
      log: view.getFloat64(start + 27, true),
      latest: view.getFloat64(start + 35, true),
      bytes: view.getFloat64(start + 43, true),
      lamport: view.getBigInt64(start + 51, true),
      appendedAtNs: view.getBigInt64(start + 59, true),
      createdAtNs: view.getBigInt64(start + 67, true),
    },
  });
  return end;
}
