/**
 * Writes rows in the place of damaged ones, in the transaction of the commit they came with.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import type { PackedRow } from "./packed-commit.ts";

export class RepairWriter {
  readonly #sql: Statements;

  constructor(db: Database) {
    this.#sql = prepareAll(db);
  }

  /** Leaves out what no head covers; `latestOf` returns the latest sequence that one covers in a log, 0 if none does. */
  write(rows: readonly PackedRow[], latestOf: (log: number) => number): void {
    for (const row of rows) if (row.sequence <= latestOf(row.log)) this.#write(row);
  }

  #write({ log, sequence, id, key, contentHash, wire }: PackedRow): void {
    const [found] = this.#sql.find.values(log, sequence);
    if (found === undefined) {
      this.#sql.insert.run(log, sequence, id, key, contentHash, wire);
      return;
    }
    const [at, storedId, storedKey] = found;
    const rowId = Number(at);
    const isFound = id === null || isSame(storedId, id);
    // What the other indexes are made of is left alone if it is right: a change looks for the old place in each of them.
    if (isSame(storedKey, key) && isFound) this.#sql.update.run(contentHash, wire, rowId);
    else this.#sql.updateAll.run(id, key, contentHash, wire, rowId);
  }

  finalize(): void {
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }
}

function isSame(stored: unknown, wanted: Uint8Array): boolean {
  return stored instanceof Uint8Array && Buffer.compare(stored, wanted) === 0;
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const prepare = (sql: string): Statement<unknown, (Uint8Array | number | null)[]> => db.prepare(sql);
  return {
    find: prepare("SELECT rowid, id, key FROM entry WHERE log = ? AND sequence = ?"),
    insert: prepare(
      "INSERT INTO entry (log, sequence, id, key, content_hash, wire) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    update: prepare("UPDATE entry SET content_hash = ?, wire = ? WHERE rowid = ?"),
    updateAll: prepare(
      "UPDATE entry SET id = coalesce(?, id), key = ?, content_hash = ?, wire = ? WHERE rowid = ?",
    ),
  };
}
