/**
 * Reads of the data directory of a stopped node, which write nothing there.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import { hashBytes } from "../core/hasher.ts";
import { decodeUtf8, encodeUtf8 } from "../core/utf8.ts";
import type { Head, ReadRange, SignedHead, Store, StoredEntry } from "../ledger/ports.ts";
import { dataPaths } from "./data-directory.ts";
import { IntegrityReader } from "./integrity-reader.ts";
import { openUnchanged, type UnchangedLedger } from "./open-unchanged.ts";
import { queryOnce } from "./query-once.ts";
import { toStoreError } from "./sqlite-failure.ts";

type Reads = Pick<
  Store,
  "head" | "read" | "totals" | "contentHashes" | "subtreeRoots" | "signedHead" | "nodeId"
>;

/** Every method throws or rejects with StoreError if the file cannot be read or is damaged. */
export interface OfflineStore extends Reads, Disposable {
  /** Returns at most 100 things that SQLite finds wrong with the file: pages, trees and indexes. Reads all of it. */
  faults(): readonly string[];
  /** Returns contexts after an id in the byte order of their ids; the log of logs is not among them. */
  contexts(startAfter: string, limit: number): readonly { readonly contextId: string; readonly head: Head }[];
  /** Returns at most 100 sequences of entries that are found under an id that is not their own. */
  misplacedIds(log: number): readonly number[];
  /** Returns signed heads in the byte order of their contexts; the empty id is the log of logs. */
  signedHeads(startAfter: string | undefined, limit: number): readonly SignedHead[];
}

/** Opens the ledger of a directory that no process has open. Throws StoreOpenError. */
export function openOfflineStore(directory: string): OfflineStore {
  const ledger = openUnchanged(dataPaths(directory));
  try {
    return offlineStore(ledger);
  } catch (error) {
    ledger[Symbol.dispose]();
    throw error;
  }
}

const faultsMax = 100;
/** The migration that added subtrees, signed heads and the node's id. */
const integritySchema = 2;

function offlineStore({ db, schema, [Symbol.dispose]: close }: UnchangedLedger): OfflineStore {
  const sql = prepareAll(db);
  const integrity = schema < integritySchema ? undefined : integrityReads(db);
  const reading = async <T>(action: string, work: () => T): Promise<T> => attempt(action, work);
  return {
    head: (contextId) =>
      reading("read a context's head", () => {
        const row = sql.head.values(encodeUtf8(contextId))[0];
        return row === undefined ? undefined : toHead(row, 0);
      }),
    read: (range) =>
      reading(`read entries after ${range.after} of log ${range.log}`, () => readPage(sql, range)),
    contexts: (startAfter, limit) =>
      attempt("list contexts", () =>
        sql.list
          .values(encodeUtf8(startAfter), limit)
          .map((row) => ({ contextId: decodeUtf8(row[0] as Uint8Array), head: toHead(row, 1) })),
      ),
    totals: () =>
      reading("read the totals", () => {
        const [contexts, entries, bytes] =
          queryOnce(db, "SELECT contexts, entries, bytes FROM totals")[0] ?? [];
        return { contexts: Number(contexts), entries: Number(entries), bytes: Number(bytes) };
      }),
    contentHashes: (log, first, count) =>
      reading(`read hashes of log ${log}`, () => hashesFrom(sql.hashes, { log, first, count })),
    subtreeRoots: (log, level, first, count) =>
      reading(
        `read subtrees of log ${log}`,
        () => integrity?.reader.subtreeRoots(log, level, first, count) ?? new Uint8Array(0),
      ),
    signedHead: (contextId) => reading("read a signed head", () => integrity?.reader.signedHead(contextId)),
    nodeId: () => reading("read the node's id", () => integrity?.reader.nodeId() ?? new Uint8Array(0)),
    faults: () =>
      attempt("check the file", () =>
        queryOnce(db, `PRAGMA integrity_check(${faultsMax})`)
          .map(([text]) => String(text))
          .filter((text) => text !== "ok"),
      ),
    misplacedIds: (log) =>
      attempt(`read ids of log ${log}`, () =>
        sql.misplacedIds.values(log, faultsMax).map(([sequence]) => Number(sequence)),
      ),
    signedHeads: (startAfter, limit) =>
      attempt("read signed heads", () => integrity?.signedHeads(startAfter, limit) ?? []),
    [Symbol.dispose]: () => {
      for (const statement of Object.values(sql)) statement.finalize();
      integrity?.finalize();
      close();
    },
  };
}

/** What the integrity migration brought. */
function integrityReads(db: Database) {
  const reader = new IntegrityReader(db);
  const columns = "SELECT context, generation, size, root FROM signed";
  const first = db.prepare(`${columns} ORDER BY context LIMIT ?`);
  const next = db.prepare(`${columns} WHERE context > ? ORDER BY context LIMIT ?`);
  const signedHeads = (startAfter: string | undefined, limit: number): SignedHead[] => {
    const rows = startAfter === undefined ? first.values(limit) : next.values(encodeUtf8(startAfter), limit);
    return rows.map(([context, generation, size, root]) => ({
      contextId: decodeUtf8(context as Uint8Array),
      generation: Number(generation),
      size: Number(size),
      root: root as Uint8Array,
    }));
  };
  const finalize = (): void => {
    reader.finalize();
    first.finalize();
    next.finalize();
  };
  return { reader, signedHeads, finalize };
}

function attempt<T>(action: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toStoreError(action, error);
  }
}

function readPage(sql: Statements, range: ReadRange): StoredEntry[] {
  const { log, after, through, key, entriesMax, bytesMax } = range;
  const rows =
    key === undefined
      ? sql.page.iterate(log, after, through, entriesMax)
      : sql.pageOfKey.iterate(log, encodeUtf8(key), after, through, entriesMax);
  const entries: StoredEntry[] = [];
  let bytes = 0;
  for (const row of rows) {
    const { sequence, content_hash: contentHash, wire } = row as Row;
    entries.push({ sequence: Number(sequence), contentHash, wire });
    bytes += wire.length;
    if (bytes >= bytesMax) break;
  }
  return entries;
}

interface Row {
  readonly sequence: number;
  readonly content_hash: Uint8Array;
  readonly wire: Uint8Array;
}

/** Packs hashes up to the first that is missing. */
function hashesFrom(
  hashes: Statement,
  { log, first, count }: { log: number; first: number; count: number },
): Uint8Array {
  const rows = hashes.values(log, first, count) as [number, Uint8Array][];
  const gap = rows.findIndex(
    ([sequence, hash], index) => sequence !== first + index || hash.length !== hashBytes,
  );
  const whole = gap < 0 ? rows : rows.slice(0, gap);
  return new Uint8Array(Buffer.concat(whole.map(([, hash]) => hash)));
}

function toHead(row: readonly unknown[], offset: number): Head {
  const [log, latest, bytes, lamport, appendedAtNs, createdAtNs] = row.slice(offset);
  return {
    log: Number(log),
    latest: Number(latest),
    bytes: Number(bytes),
    lamport: BigInt(String(lamport)),
    appendedAtNs: BigInt(String(appendedAtNs)),
    createdAtNs: BigInt(String(createdAtNs)),
  };
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  // Opened by flags, this connection returns numbers, which are exact only below 2^53.
  const exact = (column: string) => `CAST(${column} AS TEXT)`;
  const headColumns = `log, latest, bytes, ${["lamport", "appended_at_ns", "created_at_ns"].map(exact).join(", ")}`;
  const entryColumns = "sequence, content_hash, wire";
  return {
    head: db.prepare(`SELECT ${headColumns} FROM context WHERE id = ?`),
    list: db.prepare(`SELECT id, ${headColumns} FROM context WHERE id > ? ORDER BY id LIMIT ?`),
    page: db.prepare(
      `SELECT ${entryColumns} FROM entry WHERE log = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
    ),
    pageOfKey: db.prepare(
      `SELECT ${entryColumns} FROM entry
       WHERE log = ? AND key = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
    ),
    // An encoded entry begins with its id: a tag, the length as one byte or two, the text.
    misplacedIds: db.prepare(
      `SELECT sequence FROM entry WHERE log = ? AND id IS NOT NULL
       AND substr(wire, iif(length(id) < 128, 3, 4), length(id)) <> id LIMIT ?`,
    ),
    hashes: db.prepare(
      "SELECT sequence, content_hash FROM entry WHERE log = ? AND sequence >= ? ORDER BY sequence LIMIT ?",
    ),
  };
}
