/**
 * Reads of what is kept of contexts that other nodes keep too. Nothing is prepared ahead: a file that an older program
 * has open is read otherwise, too.
 *
 * @module
 */

import type { Database } from "bun:sqlite";
import type { Epoch } from "../core/epoch.ts";
import { hex } from "../core/hex.ts";
import { decodeUtf8, encodeUtf8 } from "../core/utf8.ts";
import type { Archive, ForkRecord, Replica } from "../ledger/ports.ts";
import { nodeIdBytes } from "./packed-fields.ts";
import { queryOnce } from "./query-once.ts";

const replicaColumns = `context, holders, promised_counter, promised_node, accepted_counter, accepted_node,
  committed, leaving, digest_item`;
const archiveColumns = "context, log, first, last, accepted_counter, accepted_node, archived_at_ns";
const forkColumns = `context, after, count, winner_counter, winner_node, loser_counter, loser_node,
  found_at_ns, hashes`;

/** Returns what `Store.replica` does. Throws what SQLite throws, like all that follow. */
export function readReplica(db: Database, contextId: string): Replica | undefined {
  const sql = `SELECT ${replicaColumns} FROM replica WHERE context = ?`;
  return queryOnce(db, sql, encodeUtf8(contextId)).map(toReplica)[0];
}

export function readReplicas(db: Database, startAfter: string, limit: number): Replica[] {
  const sql = `SELECT ${replicaColumns} FROM replica WHERE context > ? ORDER BY context LIMIT ?`;
  return queryOnce(db, sql, encodeUtf8(startAfter), limit).map(toReplica);
}

export function readArchives(db: Database, contextId: string | undefined, limit: number): Archive[] {
  const [where, ids] = ofContext(contextId);
  const sql = `SELECT ${archiveColumns} FROM archive ${where} ORDER BY log LIMIT ?`;
  return queryOnce(db, sql, ...ids, limit).map(toArchive);
}

export function readForks(db: Database, contextId: string | undefined, limit: number): ForkRecord[] {
  const [where, ids] = ofContext(contextId);
  const order = "found_at_ns, context, after, loser_counter, loser_node";
  const sql = `SELECT ${forkColumns} FROM fork ${where} ORDER BY ${order} LIMIT ?`;
  return queryOnce(db, sql, ...ids, limit).map(toFork);
}

function ofContext(contextId: string | undefined): [where: string, ids: Uint8Array[]] {
  return contextId === undefined ? ["", []] : ["WHERE context = ?", [encodeUtf8(contextId)]];
}

function toReplica(row: unknown[]): Replica {
  const [context, holders, , , , , committed, leaving, digestItem] = row;
  return {
    contextId: decodeUtf8(context as Uint8Array),
    holders: toNodeIds(holders as Uint8Array),
    promised: toEpoch(row, 2),
    accepted: toEpoch(row, 4),
    committed: Number(committed),
    leaving: Number(leaving) === 1,
    digestItem: digestItem instanceof Uint8Array ? digestItem : undefined,
  };
}

function toArchive(row: unknown[]): Archive {
  const [context, log, first, last, , , archivedAtNs] = row;
  return {
    contextId: decodeUtf8(context as Uint8Array),
    log: Number(log),
    first: Number(first),
    last: Number(last),
    accepted: toEpoch(row, 4),
    archivedAtNs: BigInt(archivedAtNs as bigint),
  };
}

function toFork(row: unknown[]): ForkRecord {
  const [context, after, count, , , , , foundAtNs, hashes] = row;
  return {
    contextId: decodeUtf8(context as Uint8Array),
    after: Number(after),
    count: Number(count),
    hashes: hashes as Uint8Array,
    winner: toEpoch(row, 3),
    loser: toEpoch(row, 5),
    foundAtNs: BigInt(foundAtNs as bigint),
  };
}

/** Reads the columns of an epoch from `offset` on. */
function toEpoch(row: readonly unknown[], offset: number): Epoch {
  return { counter: Number(row[offset]), nodeId: hex(row[offset + 1] as Uint8Array) };
}

function toNodeIds(packed: Uint8Array): string[] {
  return Array.from({ length: packed.length / nodeIdBytes }, (_, index) =>
    hex(packed.subarray(nodeIdBytes * index, nodeIdBytes * (index + 1))),
  );
}
