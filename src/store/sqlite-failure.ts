/**
 * What SQLite's error codes mean to a caller of the store.
 *
 * @module
 */

import { StoreError } from "../ledger/ports.ts";

/** Returns the result code of an error that SQLite threw, such as `SQLITE_FULL`; otherwise "". */
export function sqliteCode(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/** Returns what an error says, whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : Bun.inspect(error);
}

/** Returns true if the file system had no space left. */
export function isFull(code: string): boolean {
  // SHMSIZE: the WAL index, a small file beside the WAL, could not grow.
  return code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE" || code === "ENOSPC" || code === "EDQUOT";
}

/** Returns the StoreError for a failed statement that changed nothing. `action` is what was attempted. */
export function toStoreError(action: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = sqliteCode(error);
  const reason = reasonOf(error);
  const text = `Cannot ${action}: ${reason}${code === "" ? "" : ` (${code})`}`;
  const remedy = remedyOf(code);
  return new StoreError(isFull(code) ? "full" : "io", remedy === "" ? text : `${text}; ${remedy}`, {
    cause: error,
  });
}

function remedyOf(code: string): string {
  if (isFull(code)) return "free space on the file system of the data directory";
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return "the ledger file is damaged: restore the data directory from a backup";
  }
  if (code.startsWith("SQLITE_IOERR")) return "check the disk of the data directory";
  return "";
}
