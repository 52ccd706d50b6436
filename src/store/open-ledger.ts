/**
 * Opens the ledger file for writing: checks that it is one, creates it in an empty directory, brings
 * its schema up to date and makes everything in its WAL durable.
 *
 * @module
 */

import { Database } from "bun:sqlite";
import { createOwnFile, type DataPaths, directoryError, fileBytes, syncDirectory } from "./data-directory.ts";
import { applicationId, migrate } from "./migrations.ts";
import { StoreOpenError } from "./open-error.ts";
import { queryOnce } from "./query-once.ts";
import { isFull, reasonOf, sqliteCode } from "./sqlite-failure.ts";

export interface OpenLedgerOptions {
  /** True if the directory once had a ledger, so that an empty file is not a fresh one. */
  readonly expectExisting: boolean;
  /** FULL is the only safe choice; tests prove that others lose data. */
  readonly synchronous?: "FULL" | "OFF";
}

/** Pages of the file that the writer keeps in memory. */
const writerCacheKiB = 16 * 1024;

/** Opens the ledger for its one writer. The caller holds the lock of the directory. Throws StoreOpenError. */
export function openLedger(paths: DataPaths, options: OpenLedgerOptions): Database {
  refuseEmptied(paths, options.expectExisting);
  const fresh = (fileBytes(paths.ledger) ?? 0) === 0;
  let db: Database | undefined;
  try {
    createOwnFile(paths.ledger);
    db = new Database(paths.ledger, { readwrite: true, safeIntegers: true, strict: true });
    refuseForeign(db, paths, options.expectExisting);
    configure(db, options.synchronous ?? "FULL");
    migrate(db, paths.ledger);
    settle(db);
    if (fresh) syncDirectory(paths.directory);
    return db;
  } catch (error) {
    db?.close();
    throw toOpenError(paths, error);
  }
}

/** SQLite takes an empty file for a new database, and deletes the WAL beside it. */
function refuseEmptied(paths: DataPaths, expectExisting: boolean): void {
  const bytes = fileBytes(paths.ledger) ?? 0;
  if (bytes > 0) return;
  const evidence = (fileBytes(paths.wal) ?? 0) > 0 ? paths.wal : paths.lock;
  if (!expectExisting && evidence === paths.lock) return;
  throw new StoreOpenError(
    "damaged",
    `Cannot open ${paths.ledger}: it is empty or missing, but ${evidence} shows that there was a ledger; ` +
      `restore the data directory from a backup, or delete ${evidence} to start an empty ledger`,
  );
}

function refuseForeign(db: Database, paths: DataPaths, expectExisting: boolean): void {
  const id = Number(queryOnce(db, "PRAGMA application_id")[0]?.[0] ?? 0);
  if (id === applicationId) return;
  const tables = Number(queryOnce(db, "SELECT count(*) FROM sqlite_schema")[0]?.[0] ?? 0);
  if (id === 0 && tables === 0 && !expectExisting) return;
  if (id === 0 && tables === 0) {
    throw new StoreOpenError(
      "damaged",
      `Cannot open ${paths.ledger}: it has no tables, but ${paths.lock} shows that there was a ledger; ` +
        "restore the data directory from a backup",
    );
  }
  throw new StoreOpenError(
    "not-a-ledger",
    `Cannot open ${paths.ledger}: it is a SQLite database of another program; ` +
      "use another directory, or move that file away",
  );
}

function configure(db: Database, synchronous: "FULL" | "OFF"): void {
  db.run("PRAGMA busy_timeout = 1000");
  db.run("PRAGMA journal_mode = WAL");
  db.run(`PRAGMA synchronous = ${synchronous}`);
  // Checkpoints are this program's own decision, off the commit path.
  db.run("PRAGMA wal_autocheckpoint = 0");
  db.run(`PRAGMA cache_size = -${writerCacheKiB}`);
  db.run("PRAGMA cell_size_check = ON");
  db.run("PRAGMA temp_store = MEMORY");
}

/**
 * Copies a WAL left by a crash into the file. It may hold commits that were written and never
 * synced: until they are, nobody may be shown them.
 */
function settle(db: Database): void {
  queryOnce(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

function toOpenError(paths: DataPaths, error: unknown): StoreOpenError {
  if (error instanceof StoreOpenError) return error;
  const code = sqliteCode(error);
  const options = { cause: error };
  if (code === "SQLITE_NOTADB") {
    return new StoreOpenError(
      "not-a-ledger",
      `Cannot open ${paths.ledger}: it is not a ledger, or its beginning is overwritten; ` +
        "restore it from a backup, or use another directory",
      options,
    );
  }
  if (code.startsWith("SQLITE_CORRUPT")) {
    return new StoreOpenError(
      "damaged",
      `Cannot open ${paths.ledger}: the file is damaged or cut short; restore the data directory from a backup`,
      options,
    );
  }
  if (code.startsWith("SQLITE_BUSY")) {
    return new StoreOpenError(
      "locked",
      `Cannot open ${paths.ledger}: another program has the file open; stop that program`,
      options,
    );
  }
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN")) {
    return new StoreOpenError(
      "read-only",
      `Cannot open ${paths.ledger}: this user may not write it, or its file system is read-only; ` +
        "change its owner or mode, or use another directory",
      options,
    );
  }
  if (isFull(code) || !code.startsWith("SQLITE_")) return directoryError(paths.directory, error);
  const reason = reasonOf(error);
  return new StoreOpenError(
    "io",
    `Cannot open ${paths.ledger}: ${reason} (${code}); check the disk`,
    options,
  );
}
