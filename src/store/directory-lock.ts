/**
 * One process to a data directory. The lock is a SQLite database of its own, held in an exclusive
 * transaction: the operating system releases it with the process, however that ends, and the
 * ledger file itself stays open to the readers of the process that holds it.
 *
 * @module
 */

import { Database } from "bun:sqlite";
import { type DataPaths, fileBytes } from "./data-directory.ts";
import { isFull, reasonOf, sqliteCode } from "./sqlite-failure.ts";
import { StoreOpenError } from "./open-error.ts";

export class DirectoryLock {
  /** Locks in force: one that the garbage collector took would be released without a word. */
  static readonly #held = new Set<DirectoryLock>();
  readonly #db: Database;
  readonly #path: string;

  private constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** Takes the lock of a directory, at once or never. Throws StoreOpenError. */
  static acquire({ directory, lock: path }: DataPaths): DirectoryLock {
    let db: Database | undefined;
    try {
      db = new Database(path, { create: true, readwrite: true });
      db.run("PRAGMA locking_mode = EXCLUSIVE");
      db.run("BEGIN EXCLUSIVE");
      const lock = new DirectoryLock(db, path);
      DirectoryLock.#held.add(lock);
      return lock;
    } catch (error) {
      db?.close();
      throw toOpenError(directory, path, error);
    }
  }

  /** True if a ledger was once created in this directory. */
  get marked(): boolean {
    // Never opened to be read: closing any descriptor of the file would release the lock.
    return (fileBytes(this.#path) ?? 0) > 0;
  }

  /** Records, durably, that this directory has a ledger. Keeps the lock. */
  mark(): void {
    this.#db.run("PRAGMA user_version = 1");
    this.#db.run("COMMIT");
    this.#db.run("BEGIN EXCLUSIVE");
  }

  release(): void {
    DirectoryLock.#held.delete(this);
    this.#db.close();
  }
}

function toOpenError(directory: string, path: string, error: unknown): StoreOpenError {
  const code = sqliteCode(error);
  const options = { cause: error };
  if (code.startsWith("SQLITE_BUSY")) {
    return new StoreOpenError(
      "locked",
      `Cannot open the data directory ${directory}: another process has it open; ` +
        "stop that process, or use another directory",
      options,
    );
  }
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return new StoreOpenError(
      "not-a-ledger",
      `Cannot open the data directory ${directory}: ${path} is not the lock of a ledger; ` +
        "use another directory, or move that file away",
      options,
    );
  }
  const reason = reasonOf(error);
  const kind = isFull(code) ? "no-space" : "io";
  return new StoreOpenError(
    kind,
    `Cannot lock the data directory ${directory}: ${reason} (${code})`,
    options,
  );
}
