/**
 * Takes entries out of contexts, in the transaction of the commit that says so: newest ones into an archive, because
 * another history stands, or all of them, because other nodes keep the context.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import type { IntegrityWriter } from "./integrity-writer.ts";
import type { PackedDrop, PackedRemovals, PackedTruncation } from "./packed-removals.ts";
import { queryOnce } from "./query-once.ts";

/** Returns the logs of all archives. */
export function archivedLogs(db: Database): number[] {
  return queryOnce(db, "SELECT log FROM archive ORDER BY log").map(([log]) => Number(log));
}

export class RemovalWriter {
  readonly #sql: Statements;
  readonly #integrity: IntegrityWriter;

  constructor(db: Database, integrity: IntegrityWriter) {
    this.#sql = prepareAll(db);
    this.#integrity = integrity;
  }

  /**
   * Writes one commit's part, but for the rows of dropped logs and settled archives, which are discarded later. Returns
   * the id of a context that has another head than its removal is based on; then nothing of the commit may stay.
   */
  write({ truncations, drops, settled }: PackedRemovals): Uint8Array | undefined {
    const moved = truncations.find((one) => !this.#truncate(one)) ?? drops.find((one) => !this.#drop(one));
    if (moved !== undefined) return moved.id;
    for (const log of settled) this.#sql.settle.run(log);
    return undefined;
  }

  finalize(): void {
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }

  #truncate({ id, from, to, archive, accepted, archivedAtNs }: PackedTruncation): boolean {
    const base = [id, from.log, from.latest] as const;
    const { changes } =
      to === undefined
        ? this.#sql.deleteHead.run(...base)
        : this.#sql.cutHead.run(to.latest, to.lamport, to.appendedAtNs, to.bytes, to.createdAtNs, ...base);
    if (changes !== 1) return false;
    const left = to?.latest ?? 0;
    this.#sql.deleteStaged.run(from.log, from.latest);
    this.#sql.moveRows.run(archive, from.log, left);
    this.#integrity.forget(from.log, left);
    this.#sql.putArchive.run(
      archive,
      id,
      left + 1,
      from.latest,
      accepted.counter,
      accepted.nodeId,
      archivedAtNs,
    );
    return true;
  }

  #drop({ id, from }: PackedDrop): boolean {
    if (from === undefined) {
      if (this.#sql.hasHead.values(id).length > 0) return false;
    } else {
      if (this.#sql.deleteHead.run(id, from.log, from.latest).changes !== 1) return false;
      this.#integrity.forget(from.log, 0);
    }
    this.#sql.deleteReplica.run(id);
    this.#sql.deleteSigned.run(id);
    return true;
  }
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const base = "id = ? AND log = ? AND latest = ?";
  const prepare = (sql: string): Statement => db.prepare(sql);
  return {
    hasHead: prepare("SELECT 1 FROM context WHERE id = ?"),
    deleteHead: prepare(`DELETE FROM context WHERE ${base}`),
    // Whatever leaf the log of logs has of it is one of the history that goes.
    cutHead: prepare(
      `UPDATE context SET latest = ?, lamport = ?, appended_at_ns = ?, bytes = ?, created_at_ns = ?, logged = 0
       WHERE ${base}`,
    ),
    deleteStaged: prepare("DELETE FROM entry WHERE log = ? AND sequence > ?"),
    moveRows: prepare("UPDATE entry SET log = ? WHERE log = ? AND sequence > ?"),
    putArchive: prepare(
      `INSERT INTO archive (log, context, first, last, accepted_counter, accepted_node, archived_at_ns)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    settle: prepare("DELETE FROM archive WHERE log = ?"),
    deleteReplica: prepare("DELETE FROM replica WHERE context = ?"),
    deleteSigned: prepare("DELETE FROM signed WHERE context = ?"),
  };
}
