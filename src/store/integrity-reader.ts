/**
 * Reads of what proofs and checkpoints need: hashes in bulk, and what is kept beside the entries.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import { assert } from "../core/assert.ts";
import { hashBytes } from "../core/hasher.ts";
import { encodeUtf8 } from "../core/utf8.ts";
import type { RepeatedId, SignedHead } from "../ledger/ports.ts";
import { idsLookedAtMax, repeatedAmong } from "./repeated-id.ts";

/** Throws what SQLite throws. */
export class IntegrityReader {
  readonly #sql: Statements;
  #nodeId: Uint8Array | undefined;

  constructor(db: Database) {
    this.#sql = prepareAll(db);
  }

  contentHashes(log: number, first: number, count: number): Uint8Array {
    const span = [log, first, first + count] as const;
    return (
      packed(this.#sql.joinedHashes.values(...span), first) ??
      packedUntilGap(this.#sql.hashes.values(...span), first)
    );
  }

  subtreeRoots(log: number, level: number, first: number, count: number): Uint8Array {
    const span = [log, level, first, first + count] as const;
    return (
      packed(this.#sql.joinedRoots.values(...span), first) ??
      packedUntilGap(this.#sql.roots.values(...span), first)
    );
  }

  repeatedId(log: number, after: string): RepeatedId {
    const rows = this.#sql.idsFrom.values(log, encodeUtf8(after), idsLookedAtMax);
    return repeatedAmong(rows.map(([id]) => id as Uint8Array));
  }

  signedHead(contextId: string): SignedHead | undefined {
    const row = this.#sql.signed.values(encodeUtf8(contextId))[0];
    if (row === undefined) return undefined;
    const [generation, size, root] = row;
    return { contextId, generation: Number(generation), size: Number(size), root: root as Uint8Array };
  }

  damaged(limit: number): { readonly log: number; readonly sequence: number }[] {
    const rows = this.#sql.damaged.values(limit);
    return rows.map(([log, sequence]) => ({ log: Number(log), sequence: Number(sequence) }));
  }

  nodeId(): Uint8Array {
    this.#nodeId ??= this.#sql.nodeId.values()[0]?.[0] as Uint8Array | undefined;
    assert(this.#nodeId !== undefined, "the migration that makes the table gives it its row");
    return this.#nodeId.slice();
  }

  finalize(): void {
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }
}

/** Returns the joined hashes of a row `count, last position, hashes`; undefined if one is missing or has another length. */
function packed([row]: unknown[][], first: number): Uint8Array | undefined {
  const [count, last, joined] = row as [bigint, bigint | null, Uint8Array | null];
  if (joined === null) return new Uint8Array(0);
  const isWhole = Number(last) === first + Number(count) - 1 && joined.length === Number(count) * hashBytes;
  return isWhole ? joined : undefined;
}

/** Packs the hashes of rows `position, hash` up to the first that is missing or has another length. */
function packedUntilGap(rows: unknown[][], first: number): Uint8Array {
  const hashes = new Uint8Array(rows.length * hashBytes);
  let count = 0;
  for (const [position, hash] of rows as [bigint, Uint8Array][]) {
    if (Number(position) !== first + count || hash.length !== hashBytes) break;
    hashes.set(hash, count * hashBytes);
    count += 1;
  }
  return hashes.slice(0, count * hashBytes);
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const prepare = (sql: string): Statement => db.prepare(sql);
  // Joining in SQLite halves the time of a value for each row. group_concat takes bytes as they are, and rows in
  // the order of the index they are found by.
  const joined = (column: string) => `CAST(group_concat(${column}, '') AS BLOB)`;
  const someEntries =
    "FROM entry INDEXED BY entry_by_sequence WHERE log = ? AND sequence >= ? AND sequence < ?";
  const someSubtrees = "FROM subtree WHERE log = ? AND level = ? AND position >= ? AND position < ?";
  return {
    joinedHashes: prepare(`SELECT count(*), max(sequence), ${joined("content_hash")} ${someEntries}`),
    hashes: prepare(`SELECT sequence, content_hash ${someEntries} ORDER BY sequence`),
    joinedRoots: prepare(`SELECT count(*), max(position), ${joined("root")} ${someSubtrees}`),
    roots: prepare(`SELECT position, root ${someSubtrees} ORDER BY position`),
    idsFrom: prepare("SELECT id FROM entry WHERE log = ? AND id >= ? ORDER BY id LIMIT ?"),
    signed: prepare("SELECT generation, size, root FROM signed WHERE context = ?"),
    damaged: prepare("SELECT log, sequence FROM damaged ORDER BY log, sequence LIMIT ?"),
    nodeId: prepare("SELECT id FROM node"),
  };
}
