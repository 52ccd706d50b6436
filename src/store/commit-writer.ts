/**
 * The one writer of a ledger file: one commit is one transaction and one fsync. Synchronous, for
 * whichever thread owns the connection.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import { decodeUtf8 } from "../core/utf8.ts";
import { type CommitOutcome, StoreError } from "../ledger/ports.ts";
import { IntegrityWriter } from "./integrity-writer.ts";
import type { PackedCommit, PackedHeadChange, PackedRow } from "./packed-commit.ts";
import type { PackedRemovals } from "./packed-removals.ts";
import { queryOnce } from "./query-once.ts";
import { archivedLogs, RemovalWriter } from "./removal-writer.ts";
import { noRemovals, removalsOf } from "./removals.ts";
import { RepairWriter } from "./repair-writer.ts";
import { ReplicaWriter } from "./replica-writer.ts";
import { RosterWriter } from "./roster-writer.ts";
import { sqliteCode, toStoreError } from "./sqlite-failure.ts";
import { StagedRows, type StagingPlan } from "./staged-rows.ts";

/**
 * Log numbers that an opened store reserves ahead of use. A number given out before a crash is
 * below the reservation, so the next instance does not give it out again.
 */
const logsReserved = 2 ** 17;

/** One discard deletes at most this many rows, and stops after the row that reaches this many bytes. */
const discardRowsMax = 256;
const discardBytesMax = 2 * 1024 * 1024;

export class CommitWriter {
  /** The first log number that was never given out. */
  readonly nextLog: number;
  readonly #db: Database;
  readonly #sql: Statements;
  readonly #integrity: IntegrityWriter;
  readonly #roster: RosterWriter;
  readonly #removals: RemovalWriter;
  readonly #replicas: ReplicaWriter;
  readonly #repairs: RepairWriter;
  readonly #staged: StagedRows;
  /** Logs that an earlier instance left with rows that no head may cover. */
  readonly #orphans: Set<number>;
  /** Log numbers below this are reserved on disk. */
  #reserved: number;

  /** Takes over the connection of `openLedger`. Throws what SQLite throws. */
  constructor(db: Database) {
    this.#db = db;
    this.#staged = new StagedRows(archivedLogs(db));
    this.#orphans = new Set(
      queryOnce(db, "SELECT log FROM staging ORDER BY log")
        .map(([log]) => Number(log))
        .filter((log) => !this.#staged.isArchive(log)),
    );
    this.nextLog = Number(queryOnce(db, "SELECT next_log FROM totals")[0]?.[0]);
    this.#reserved = this.nextLog + logsReserved;
    db.run("UPDATE totals SET next_log = ?", [this.#reserved]);
    this.#sql = prepareAll(db);
    this.#integrity = new IntegrityWriter(db);
    this.#roster = new RosterWriter(db);
    this.#removals = new RemovalWriter(db, this.#integrity);
    this.#replicas = new ReplicaWriter(db);
    this.#repairs = new RepairWriter(db);
    this.#forgetOrphanTrees();
  }

  /**
   * Writes one commit; `nextLog` is the first log number not given out yet. Throws StoreError;
   * after `unknown` this writer must not be used again.
   */
  commit(commit: PackedCommit, nextLog: number): CommitOutcome {
    try {
      this.#sql.begin.run();
      const moved = this.#moveHeads(commit);
      if (moved !== undefined) {
        this.#rollback();
        return { kind: "head-moved", contextId: decodeUtf8(moved) };
      }
      const removals = commit.removals === undefined ? noRemovals : removalsOf(commit.removals);
      const latestOf = (log: number): number => this.#latestOf(log);
      const plan = this.#staged.plan(commit.rows, commit.heads, latestOf, removals);
      this.#write(commit.rows, plan);
      if (commit.repairs !== undefined) this.#repairs.write(commit.repairs, latestOf);
      if (commit.integrity !== undefined) {
        this.#integrity.write(commit.integrity, (log) => this.#lastOf(log, plan));
      }
      if (commit.roster !== undefined) this.#roster.write(commit.roster);
      if (commit.replicas !== undefined) this.#replicas.write(commit.replicas);
      this.#count(commit, nextLog);
      const syncMicros = this.#sync("commit");
      this.#staged.apply(plan);
      return { kind: "committed", syncMicros };
    } catch (error) {
      this.#rollback();
      throw toStoreError("commit", error);
    }
  }

  /**
   * Deletes a bounded number of rows of `log` after `after` that neither a head nor an archive covers; true while more
   * are left.
   */
  discard(log: number, after: number): boolean {
    if (this.#staged.isArchive(log)) return false;
    try {
      const keep = Math.max(after, this.#latestOf(log));
      this.#staged.forget(log, keep);
      return this.#deleteAfter(log, keep);
    } catch (error) {
      this.#rollback();
      throw toStoreError(`discard rows of log ${log}`, error);
    }
  }

  /** Deletes a bounded number of rows that an earlier instance left; true while more are left. */
  discardOrphans(): boolean {
    const [log] = this.#orphans;
    if (log === undefined) return false;
    try {
      const more = this.#deleteAfter(log, Math.max(this.#staged.lastOf(log), this.#latestOf(log)));
      if (!more) this.#orphans.delete(log);
      return this.#orphans.size > 0;
    } catch (error) {
      this.#rollback();
      throw toStoreError(`discard rows of log ${log}`, error);
    }
  }

  /** Releases the statements, so that the connection can be closed. */
  finalize(): void {
    this.#integrity.finalize();
    this.#roster.finalize();
    this.#removals.finalize();
    this.#replicas.finalize();
    this.#repairs.finalize();
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }

  /** Returns the id of a context that has another head than its removal or change is based on, if there is one. */
  #moveHeads({ removals, heads }: PackedCommit): Uint8Array | undefined {
    const moved = removals === undefined ? undefined : this.#removals.write(removals);
    return moved ?? heads.find((change) => !this.#moveHead(change))?.id;
  }

  /** Returns false if the context has another head than the change is based on. */
  #moveHead({ id, from, to }: PackedHeadChange): boolean {
    const values = [to.latest, to.lamport, to.appendedAtNs, to.bytes, to.createdAtNs] as const;
    if (from === undefined) return this.#sql.insertHead.run(id, to.log, ...values).changes === 1;
    const base = [id, from.log, from.latest] as const;
    // Most heads keep their log and still wait for the log of logs; both indexes are then left alone.
    if (from.log !== to.log) return this.#sql.switchHead.run(to.log, ...values, ...base).changes === 1;
    if (this.#sql.moveHead.run(...values, ...base).changes === 1) return true;
    return this.#sql.moveLoggedHead.run(...values, to.latest, ...base).changes === 1;
  }

  #write(rows: readonly PackedRow[], plan: StagingPlan): void {
    const { insertRow } = this.#sql;
    for (const row of rows) {
      insertRow.run(row.log, row.sequence, row.id, row.key, row.contentHash, row.wire);
    }
    for (const log of plan.opened) this.#sql.openStaging.run(log);
    for (const log of plan.closed) if (!this.#orphans.has(log)) this.#sql.closeStaging.run(log);
  }

  #count({ heads, removals }: PackedCommit, nextLog: number): void {
    let contexts = 0;
    let entries = 0;
    let bytes = 0;
    for (const { id, from, to } of removals === undefined ? heads : allMoves(heads, removals)) {
      // The log of logs: its id is empty.
      if (id.length === 0) continue;
      contexts += (to === undefined ? 0 : 1) - (from === undefined ? 0 : 1);
      entries += (to?.latest ?? 0) - (from?.latest ?? 0);
      bytes += (to?.bytes ?? 0) - (from?.bytes ?? 0);
    }
    if (nextLog > this.#reserved - logsReserved / 2) this.#reserved = nextLog + logsReserved;
    this.#sql.count.run(contexts, entries, bytes, this.#reserved);
  }

  #deleteAfter(log: number, keep: number): boolean {
    const rows = this.#sql.lastRows.values(log, keep, discardRowsMax + 1);
    let cut = rows.length;
    let bytes = 0;
    for (const [index, [, size]] of rows.entries()) {
      bytes += Number(size);
      if (bytes < discardBytesMax && index + 1 < discardRowsMax) continue;
      cut = index + 1;
      break;
    }
    const more = cut < rows.length;
    const first = Number(rows[cut - 1]?.[0] ?? keep + 1);
    this.#sql.begin.run();
    this.#sql.deleteRows.run(log, first);
    this.#integrity.forget(log, keep);
    if (!more && this.#staged.lastOf(log) === 0) this.#sql.closeStaging.run(log);
    this.#sync("discard");
    return more;
  }

  /**
   * Forgets trees over rows that an earlier instance left: an append may overwrite those rows before they are
   * discarded. One row for every 256 entries, so it is quick.
   */
  #forgetOrphanTrees(): void {
    if (this.#orphans.size === 0) return;
    this.#sql.begin.run();
    for (const log of this.#orphans) this.#integrity.forget(log, this.#latestOf(log));
    this.#sql.commit.run();
  }

  /** Returns the last sequence of `log` that is covered or staged once `plan` is applied, 0 if none is. */
  #lastOf(log: number, plan: StagingPlan): number {
    const staged = plan.spans.has(log) ? (plan.spans.get(log)?.next ?? 1) - 1 : this.#staged.lastOf(log);
    return Math.max(staged, this.#latestOf(log));
  }

  /** Returns the latest sequence that a head covers in `log`, 0 if none does. */
  #latestOf(log: number): number {
    return Number(this.#sql.latestOf.values(log)[0]?.[0] ?? 0);
  }

  /** Ends the transaction on disk and returns how many microseconds that took. */
  #sync(action: string): number {
    const start = Bun.nanoseconds();
    try {
      this.#sql.commit.run();
    } catch (error) {
      const code = sqliteCode(error);
      // The commit record may have reached the disk: only reading the file again can tell.
      if (!code.startsWith("SQLITE_IOERR") || code === "SQLITE_IOERR_SHMSIZE") throw error;
      throw new StoreError("unknown", `Cannot ${action}: the disk failed at the end (${code})`, {
        cause: error,
      });
    }
    return Math.round((Bun.nanoseconds() - start) / 1000);
  }

  /** SQLite has already rolled back after some errors; a second one would throw. */
  #rollback(): void {
    if (this.#db.inTransaction) this.#sql.rollback.run();
  }
}

/** What a commit does to heads: `to` is undefined where one goes. */
type HeadMove = Pick<PackedHeadChange, "id" | "from"> & { readonly to: PackedHeadChange["to"] | undefined };

function allMoves(heads: readonly HeadMove[], { truncations, drops }: PackedRemovals): readonly HeadMove[] {
  return [...truncations, ...drops.map(({ id, from }) => ({ id, from, to: undefined })), ...heads];
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const headColumns = "latest = ?, lamport = ?, appended_at_ns = ?, bytes = ?, created_at_ns = ?";
  const base = "id = ? AND log = ? AND latest = ?";
  const prepare = (sql: string): Statement => db.prepare(sql);
  return {
    begin: prepare("BEGIN IMMEDIATE"),
    commit: prepare("COMMIT"),
    rollback: prepare("ROLLBACK"),
    // Rows that this replaces are never covered by a head: StagedRows has checked what may be written.
    insertRow: prepare(
      "INSERT OR REPLACE INTO entry (log, sequence, id, key, content_hash, wire) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    insertHead: prepare(
      `INSERT INTO context (id, log, latest, lamport, appended_at_ns, bytes, created_at_ns)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    ),
    moveHead: prepare(`UPDATE context SET ${headColumns} WHERE ${base} AND logged = 0`),
    moveLoggedHead: prepare(
      `UPDATE context SET ${headColumns}, logged = (logged = 1 AND latest = ?) WHERE ${base}`,
    ),
    switchHead: prepare(`UPDATE context SET log = ?, ${headColumns}, logged = 0 WHERE ${base}`),
    count: prepare(
      `UPDATE totals SET contexts = contexts + ?, entries = entries + ?, bytes = bytes + ?, next_log = ?`,
    ),
    latestOf: prepare("SELECT latest FROM context WHERE log = ?"),
    openStaging: prepare("INSERT OR IGNORE INTO staging (log) VALUES (?)"),
    closeStaging: prepare("DELETE FROM staging WHERE log = ?"),
    lastRows: prepare(
      "SELECT sequence, length(wire) FROM entry WHERE log = ? AND sequence > ? ORDER BY sequence DESC LIMIT ?",
    ),
    deleteRows: prepare("DELETE FROM entry WHERE log = ? AND sequence >= ?"),
  };
}
