/**
 * Opens the ledger file of a stopped node so that nothing in its directory changes: neither the lock, nor what SQLite
 * keeps beside the file.
 *
 * @module
 */

import { constants, Database } from "bun:sqlite";
import { accessSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type DataPaths, directoryError, fileBytes } from "./data-directory.ts";
import { applicationId, appliedMigrations, migrations } from "./migrations.ts";
import { StoreOpenError } from "./open-error.ts";
import { queryOnce } from "./query-once.ts";
import { reasonOf, sqliteCode } from "./sqlite-failure.ts";

/** A ledger that no server can open until this is disposed of. */
export interface UnchangedLedger extends Disposable {
  /** Reads integers as numbers. */
  readonly db: Database;
  /** The newest migration the file has had. */
  readonly schema: number;
}

/** Throws StoreOpenError, also if a process has the directory open. */
export function openUnchanged(paths: DataPaths): UnchangedLedger {
  requireLedger(paths);
  const lock = lockShared(paths);
  let db: Database | undefined;
  try {
    db = openFile(paths);
    const opened = db;
    const close = (): void => {
      opened.close();
      lock?.close();
    };
    return { db, schema: schemaOf(db, paths), [Symbol.dispose]: close };
  } catch (error) {
    db?.close();
    lock?.close();
    throw toOpenError(paths, error);
  }
}

function requireLedger({ directory, ledger }: DataPaths): void {
  try {
    accessSync(directory);
  } catch (error) {
    throw directoryError(directory, error);
  }
  if ((fileBytes(ledger) ?? 0) > 0) return;
  throw new StoreOpenError(
    "not-a-ledger",
    `Cannot open ${ledger}: it is missing or empty; name the data directory of a ledger`,
  );
}

/**
 * Keeps a server from starting, and refuses beside one that runs, without writing: readers share the lock file that a
 * server holds alone. A copy of a ledger may have none.
 */
function lockShared({ directory, lock: path }: DataPaths): Database | undefined {
  if (fileBytes(path) === undefined) return undefined;
  const lock = new Database(path, { readonly: true });
  try {
    lock.run("BEGIN");
    queryOnce(lock, "SELECT count(*) FROM sqlite_schema");
    return lock;
  } catch (error) {
    lock.close();
    if (!sqliteCode(error).startsWith("SQLITE_BUSY")) throw lockError(directory, path, error);
    throw new StoreOpenError(
      "locked",
      `Cannot read the data directory ${directory}: a server has it open; stop that server, or let it verify itself: name a context instead`,
      { cause: error },
    );
  }
}

function lockError(directory: string, path: string, error: unknown): StoreOpenError {
  const text = `Cannot read the data directory ${directory}: ${path}: ${reasonOf(error)}`;
  return new StoreOpenError("io", text, { cause: error });
}

/** Opens the file so that SQLite makes no file beside it, with the commits of a write-ahead log that a crash left. */
function openFile(paths: DataPaths): Database {
  const url = pathToFileURL(paths.ledger).href;
  const hasLog = (fileBytes(paths.wal) ?? 0) > 0;
  if (hasLog && fileBytes(`${paths.ledger}-shm`) === undefined) {
    throw new StoreOpenError(
      "damaged",
      `Cannot read ${paths.ledger}: ${paths.wal} has commits that it does not have, and ${paths.ledger}-shm is missing; ` +
        "copy all three, or start a server on the directory and stop it",
    );
  }
  // https://www.sqlite.org/uri.html: immutable reads the file alone, readonly_shm leaves the index as it is.
  const how = hasLog ? "mode=ro&readonly_shm=1" : "immutable=1";
  const db = new Database(`${url}?${how}`, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
  db.run("PRAGMA cell_size_check = ON");
  db.run("PRAGMA mmap_size = 0");
  return db;
}

function schemaOf(db: Database, { ledger }: DataPaths): number {
  const id = Number(queryOnce(db, "PRAGMA application_id")[0]?.[0] ?? 0);
  if (id !== applicationId)
    throw new StoreOpenError(
      "not-a-ledger",
      `Cannot open ${ledger}: it is a SQLite database of another program`,
    );
  const version = appliedMigrations(db).at(-1)?.version ?? 0;
  const known = migrations.at(-1)?.version ?? 0;
  if (version <= known) return version;
  throw new StoreOpenError(
    "newer-schema",
    `Cannot open ${ledger}: its schema is version ${version}, and this program knows versions up to ${known}; use the newer program that wrote it`,
  );
}

function toOpenError({ ledger }: DataPaths, error: unknown): StoreOpenError {
  if (error instanceof StoreOpenError) return error;
  const code = sqliteCode(error);
  if (code === "SQLITE_NOTADB")
    return new StoreOpenError(
      "not-a-ledger",
      `Cannot open ${ledger}: it is not a ledger, or its beginning is overwritten`,
      { cause: error },
    );
  const kind = code.startsWith("SQLITE_CORRUPT") ? "damaged" : "io";
  return new StoreOpenError(kind, `Cannot read ${ledger}: ${reasonOf(error)} (${code})`, { cause: error });
}
