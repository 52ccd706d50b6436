import type { Database, SQLQueryBindings } from "bun:sqlite";

/**
 * Runs one statement and returns its rows. The statement is finalised at once: a connection with
 * live statements is not closed by `close()`, and keeps its locks and its WAL.
 */
export function queryOnce(db: Database, sql: string, ...parameters: SQLQueryBindings[]): unknown[][] {
  const statement = db.prepare(sql);
  try {
    return statement.values(...parameters);
  } finally {
    statement.finalize();
  }
}
