/**
 * Writes what is kept of contexts that other nodes keep too, in the transaction of the commit it came with.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import { limits } from "../core/limits.ts";
import type { PackedFork, PackedReplica, PackedReplicas } from "./packed-replicas.ts";

export class ReplicaWriter {
  readonly #sql: Statements;

  constructor(db: Database) {
    this.#sql = prepareAll(db);
  }

  write({ replicas, forks }: PackedReplicas): void {
    for (const replica of replicas) this.#put(replica);
    for (const fork of forks) this.#putFork(fork);
  }

  finalize(): void {
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }

  #put({ id, holders, promised, accepted, committed, leaving, digestItem }: PackedReplica): void {
    const epochs = [promised.counter, promised.nodeId, accepted.counter, accepted.nodeId] as const;
    this.#sql.put.run(id, holders, ...epochs, committed, leaving ? 1 : 0, digestItem);
  }

  #putFork({ id, after, count, hashes, winner, loser, foundAtNs }: PackedFork): void {
    const epochs = [loser.counter, loser.nodeId, winner.counter, winner.nodeId] as const;
    this.#sql.putFork.run(id, after, ...epochs, foundAtNs, count, hashes);
    this.#sql.forgetOldForks.run(id, limits.forksPerContextMax);
  }
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const prepare = (sql: string): Statement => db.prepare(sql);
  return {
    put: prepare(
      `INSERT OR REPLACE INTO replica (context, holders, promised_counter, promised_node, accepted_counter, accepted_node,
         committed, leaving, digest_item) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    putFork: prepare(
      `INSERT OR REPLACE INTO fork (context, after, loser_counter, loser_node, winner_counter, winner_node,
         found_at_ns, count, hashes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    forgetOldForks: prepare(
      `DELETE FROM fork WHERE rowid IN (SELECT rowid FROM fork WHERE context = ?
         ORDER BY found_at_ns DESC, after DESC, loser_counter DESC, loser_node DESC LIMIT -1 OFFSET ?)`,
    ),
  };
}
