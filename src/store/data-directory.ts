/**
 * The files of a data directory.
 *
 * @module
 */

import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StoreOpenError } from "./open-error.ts";
import { isFull, reasonOf, sqliteCode } from "./sqlite-failure.ts";

export interface DataPaths {
  readonly directory: string;
  readonly ledger: string;
  readonly wal: string;
  readonly lock: string;
}

export function dataPaths(directory: string): DataPaths {
  const absolute = resolve(directory);
  const ledger = join(absolute, "ledger.db");
  return { directory: absolute, ledger, wal: `${ledger}-wal`, lock: join(absolute, "ledger.lock") };
}

/** Makes the directory if it is missing, for its owner only. Throws StoreOpenError if it cannot be written. */
export function prepareDirectory(paths: DataPaths): void {
  const { directory } = paths;
  try {
    const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (made !== undefined) syncDirectory(dirname(made));
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    createOwnFile(paths.lock);
  } catch (error) {
    throw directoryError(directory, error);
  }
  if (!statSync(directory).isDirectory()) throw directoryError(directory, undefined);
}

/**
 * Makes an empty file that only its owner may read, unless there is one. Never opens an existing
 * file: closing any descriptor of it would release the locks this process holds on it.
 */
export function createOwnFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (sqliteCode(error) !== "EEXIST") throw error;
  }
}

/** Returns the size of a file, undefined if it is missing. */
export function fileBytes(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** Makes the names in a directory durable, where the platform can. */
export function syncDirectory(directory: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Returns the StoreOpenError for something the file system refused in a data directory. */
export function directoryError(directory: string, error: unknown): StoreOpenError {
  const code = sqliteCode(error);
  const options = { cause: error };
  const action = `Cannot open the data directory ${directory}`;
  if (isFull(code)) {
    return new StoreOpenError(
      "no-space",
      `${action}: no space is left on its file system; free some, or use another directory`,
      options,
    );
  }
  if (code === "EROFS") {
    return new StoreOpenError(
      "read-only",
      `${action}: its file system is read-only; mount it writable, or use another directory`,
      options,
    );
  }
  if (code === "EACCES" || code === "EPERM") {
    return new StoreOpenError(
      "read-only",
      `${action}: this user may not read and write it; change its owner or mode, or use another directory`,
      options,
    );
  }
  if (error === undefined || code === "ENOTDIR" || code === "EEXIST") {
    return new StoreOpenError(
      "io",
      `${action}: it, or a part of its path, is a file; use another path`,
      options,
    );
  }
  return new StoreOpenError("io", `${action}: ${reasonOf(error)}`, options);
}
