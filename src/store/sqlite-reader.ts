/**
 * Reads of a ledger file: synchronous, on a connection of their own, never waiting for the writer.
 *
 * @module
 */

import { Database, type Statement } from "bun:sqlite";
import { decodeUtf8, encodeUtf8 } from "../core/utf8.ts";
import {
  type Archive,
  type ForkRecord,
  type Head,
  type ListRange,
  type ReadRange,
  type RepeatedId,
  type Replica,
  type RosterMember,
  type SignedHead,
  type StoredEntry,
  StoreError,
  type Totals,
} from "../ledger/ports.ts";
import { IntegrityReader } from "./integrity-reader.ts";
import { readArchives, readForks, readReplica, readReplicas } from "./replica-reader.ts";
import { readIncarnation, readRoster } from "./roster-reader.ts";
import { toStoreError } from "./sqlite-failure.ts";

/** Pages that the reader keeps in memory; any commit empties it, the system's page cache stays. */
const readerCacheKiB = 4 * 1024;

/** Every method throws StoreError: `io` if the file cannot be read or is damaged, `closed` after `close`. */
export class SqliteReader {
  readonly #db: Database;
  readonly #sql: Statements;
  readonly #integrity: IntegrityReader;
  #closed = false;

  /** Opens a ledger that a writer has open. Throws what SQLite throws. */
  constructor(path: string) {
    this.#db = new Database(path, { readonly: true, safeIntegers: true, strict: true });
    this.#db.run("PRAGMA busy_timeout = 1000");
    this.#db.run(`PRAGMA cache_size = -${readerCacheKiB}`);
    this.#db.run("PRAGMA cell_size_check = ON");
    // With mmap a damaged disk would end the process instead of failing one read.
    this.#db.run("PRAGMA mmap_size = 0");
    this.#sql = prepareAll(this.#db);
    this.#integrity = new IntegrityReader(this.#db);
  }

  head(contextId: string): Head | undefined {
    return this.#reading("read a context's head", () => {
      const row = this.#sql.head.values(encodeUtf8(contextId))[0];
      return row === undefined ? undefined : toHead(row, 0);
    });
  }

  read(range: ReadRange): StoredEntry[] {
    return this.#reading(`read entries after ${range.after} of log ${range.log}`, () => {
      const { log, after, through, key, entriesMax } = range;
      const rows =
        key === undefined
          ? this.#sql.page.iterate(log, after, through, entriesMax)
          : this.#sql.pageOfKey.iterate(log, encodeUtf8(key), after, through, entriesMax);
      const page: StoredEntry[] = [];
      let bytes = 0;
      for (const row of rows as Iterable<EntryRow>) {
        page.push(toEntry(row));
        bytes += row.wire.length;
        if (bytes >= range.bytesMax) break;
      }
      return page;
    });
  }

  findByIds(log: number, ids: readonly string[]): Map<string, StoredEntry> {
    return this.#reading(`find entries of log ${log} by id`, () => {
      const found = new Map<string, StoredEntry>();
      const latest = ids.length === 0 ? 0 : Number(this.#sql.latestOf.values(log)[0]?.[0] ?? 0);
      for (const id of ids) {
        const row = this.#sql.byId.get(log, encodeUtf8(id), latest) as EntryRow | null;
        if (row !== null) found.set(id, toEntry(row));
      }
      return found;
    });
  }

  list({ prefix, startAfter, limit }: ListRange): { readonly contextId: string; readonly head: Head }[] {
    return this.#reading("list contexts", () => {
      const low = encodeUtf8(prefix);
      const after = encodeUtf8(startAfter);
      // One lower bound, the tighter one, so that SQLite seeks to it.
      // Without a prefix it is exclusive: the empty id is that of the log of logs.
      const rows =
        Buffer.compare(after, low) >= 0
          ? this.#sql.listAfter.values(after, endOfPrefix(low), limit)
          : this.#sql.listFrom.values(low, endOfPrefix(low), limit);
      return rows.map(toContext);
    });
  }

  totals(): Totals {
    return this.#reading("read the totals", () => {
      const [contexts, entries, bytes] = this.#sql.totals.values()[0] ?? [];
      return { contexts: Number(contexts), entries: Number(entries), bytes: Number(bytes) };
    });
  }

  contentHashes(log: number, first: number, count: number): Uint8Array {
    return this.#reading(`read hashes from entry ${first} of log ${log} on`, () =>
      this.#integrity.contentHashes(log, first, count),
    );
  }

  subtreeRoots(log: number, level: number, first: number, count: number): Uint8Array {
    return this.#reading(`read subtrees of log ${log}`, () =>
      this.#integrity.subtreeRoots(log, level, first, count),
    );
  }

  newestOfKey(log: number, key: string, through: number): StoredEntry | undefined {
    return this.#reading(`read the newest entry of a key of log ${log}`, () => {
      const row = this.#sql.newestOfKey.get(log, encodeUtf8(key), through) as EntryRow | null;
      return row === null ? undefined : toEntry(row);
    });
  }

  repeatedId(log: number, after: string): RepeatedId {
    return this.#reading(`look for repeated ids in log ${log}`, () => this.#integrity.repeatedId(log, after));
  }

  signedHead(contextId: string): SignedHead | undefined {
    return this.#reading("read a signed head", () => this.#integrity.signedHead(contextId));
  }

  unlogged(limit: number): { readonly contextId: string; readonly head: Head }[] {
    return this.#reading("read which contexts have grown", () =>
      this.#sql.unlogged.values(limit).map(toContext),
    );
  }

  damaged(limit: number): { readonly log: number; readonly sequence: number }[] {
    return this.#reading("read which entries are damaged", () => this.#integrity.damaged(limit));
  }

  nodeId(): Uint8Array {
    return this.#reading("read the ledger's id", () => this.#integrity.nodeId());
  }

  roster(): RosterMember[] {
    return this.#reading("read the roster", () => readRoster(this.#db));
  }

  gossipIncarnation(): number {
    return this.#reading("read the gossip incarnation", () => readIncarnation(this.#db));
  }

  replica(contextId: string): Replica | undefined {
    return this.#reading("read a replica", () => readReplica(this.#db, contextId));
  }

  replicas(startAfter: string, limit: number): Replica[] {
    return this.#reading("read replicas", () => readReplicas(this.#db, startAfter, limit));
  }

  archives(contextId: string | undefined, limit: number): Archive[] {
    return this.#reading("read which archives there are", () => readArchives(this.#db, contextId, limit));
  }

  forks(contextId: string | undefined, limit: number): ForkRecord[] {
    return this.#reading("read forks", () => readForks(this.#db, contextId, limit));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#integrity.finalize();
    for (const statement of Object.values(this.#sql)) statement.finalize();
    this.#db.close();
  }

  #reading<T>(action: string, work: () => T): T {
    if (this.#closed) throw new StoreError("closed", `Cannot ${action}: the store is not open`);
    try {
      return work();
    } catch (error) {
      throw toStoreError(action, error);
    }
  }
}

interface EntryRow {
  readonly sequence: bigint;
  readonly content_hash: Uint8Array;
  readonly wire: Uint8Array;
}

function toEntry(row: EntryRow): StoredEntry {
  return { sequence: Number(row.sequence), contentHash: row.content_hash, wire: row.wire };
}

/** Reads a row of the id and `headColumns`. */
function toContext(row: readonly unknown[]): { readonly contextId: string; readonly head: Head } {
  return { contextId: decodeUtf8(row[0] as Uint8Array), head: toHead(row, 1) };
}

/** Reads the columns of `headColumns` from `offset` on. */
function toHead(row: readonly unknown[], offset: number): Head {
  const [log, latest, lamport, appendedAtNs, bytes, createdAtNs] = row.slice(offset) as bigint[];
  return {
    log: Number(log),
    latest: Number(latest),
    lamport: BigInt(lamport ?? 0n),
    appendedAtNs: BigInt(appendedAtNs ?? 0n),
    bytes: Number(bytes),
    createdAtNs: BigInt(createdAtNs ?? 0n),
  };
}

/** Returns the first bytes after every id that begins with `prefix`. 0xff begins no UTF-8 text. */
function endOfPrefix(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice();
  const last = end.at(-1);
  if (last === undefined) return new Uint8Array([0xff]);
  end[end.length - 1] = last + 1;
  return end;
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const headColumns = "log, latest, lamport, appended_at_ns, bytes, created_at_ns";
  const entryColumns = "sequence, content_hash, wire";
  const prepare = (sql: string): Statement => db.prepare(sql);
  return {
    head: prepare(`SELECT ${headColumns} FROM context WHERE id = ?`),
    page: prepare(
      `SELECT ${entryColumns} FROM entry
       WHERE log = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
    ),
    pageOfKey: prepare(
      `SELECT ${entryColumns} FROM entry
       WHERE log = ? AND key = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`,
    ),
    latestOf: prepare("SELECT latest FROM context WHERE log = ?"),
    byId: prepare(
      `SELECT ${entryColumns} FROM entry
       WHERE log = ? AND id = ? AND sequence <= ? ORDER BY sequence LIMIT 1`,
    ),
    listFrom: prepare(`SELECT id, ${headColumns} FROM context WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`),
    listAfter: prepare(`SELECT id, ${headColumns} FROM context WHERE id > ? AND id < ? ORDER BY id LIMIT ?`),
    newestOfKey: prepare(
      `SELECT ${entryColumns} FROM entry
       WHERE log = ? AND key = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1`,
    ),
    unlogged: prepare(
      `SELECT id, ${headColumns} FROM context WHERE logged = 0 AND id > x'' ORDER BY id LIMIT ?`,
    ),
    totals: prepare("SELECT contexts, entries, bytes FROM totals"),
  };
}
