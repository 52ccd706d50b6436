/**
 * Writes what proofs and checkpoints keep beside the entries, in the transaction of the commit it came with.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import type { PackedIntegrity } from "./packed-integrity.ts";
import { subtreeLeaves, subtreeLevelMax } from "./subtree-leaves.ts";

export class IntegrityWriter {
  readonly #sql: Statements;

  constructor(db: Database) {
    this.#sql = prepareAll(db);
  }

  /**
   * Writes one commit's part. `lastOf` returns the last sequence of a log that is covered or staged: whoever works
   * on a log that was discarded meanwhile leaves nothing behind.
   */
  write({ subtrees, signed, logged, damage }: PackedIntegrity, lastOf: (log: number) => number): void {
    for (const { log, level, index, root } of subtrees) {
      if ((index + 1) * subtreeLeaves(level) > lastOf(log)) continue;
      this.#sql.putSubtree.run(log, level, index, root);
    }
    for (const { id, generation, size, root } of signed) this.#sql.putSigned.run(id, generation, size, root);
    for (const { id, size } of logged) this.#sql.setLogged.run(id, size);
    for (const { log, sequence, damaged } of damage) {
      if (!damaged) this.#sql.clearDamaged.run(log, sequence);
      else if (sequence <= lastOf(log)) this.#sql.setDamaged.run(log, sequence);
    }
  }

  /** Deletes what is known of the rows of `log` after `keep`, and of subtrees that reach beyond it. */
  forget(log: number, keep: number): void {
    for (let level = 1; level <= subtreeLevelMax; level += 1) {
      this.#sql.deleteSubtrees.run(log, level, Math.floor(keep / subtreeLeaves(level)));
    }
    this.#sql.deleteDamaged.run(log, keep);
  }

  finalize(): void {
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const prepare = (sql: string): Statement => db.prepare(sql);
  return {
    putSubtree: prepare("INSERT OR REPLACE INTO subtree (log, level, position, root) VALUES (?, ?, ?, ?)"),
    putSigned: prepare("INSERT OR REPLACE INTO signed (context, generation, size, root) VALUES (?, ?, ?, ?)"),
    // A context that has grown since waits for its next leaf.
    setLogged: prepare("UPDATE context SET logged = 1 WHERE id = ? AND latest = ?"),
    setDamaged: prepare("INSERT OR IGNORE INTO damaged (log, sequence) VALUES (?, ?)"),
    clearDamaged: prepare("DELETE FROM damaged WHERE log = ? AND sequence = ?"),
    deleteSubtrees: prepare("DELETE FROM subtree WHERE log = ? AND level = ? AND position >= ?"),
    deleteDamaged: prepare("DELETE FROM damaged WHERE log = ? AND sequence > ?"),
  };
}
