/**
 * Writes what is kept of the cluster, in the transaction of the commit it came with.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import type { PackedRoster } from "./packed-roster.ts";

export class RosterWriter {
  readonly #sql: Statements;

  constructor(db: Database) {
    this.#sql = prepareAll(db);
  }

  write({ incarnation, put, remove }: PackedRoster): void {
    for (const id of remove) this.#sql.remove.run(id);
    for (const { id, name, gossipAddress, rpcAddress, firstSeenMs, lastAliveMs } of put) {
      this.#sql.put.run(id, name, gossipAddress, rpcAddress, firstSeenMs, lastAliveMs);
    }
    if (incarnation > 0) this.#sql.raiseIncarnation.run(incarnation, incarnation);
  }

  finalize(): void {
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }
}

type Statements = ReturnType<typeof prepareAll>;

function prepareAll(db: Database) {
  const prepare = (sql: string): Statement => db.prepare(sql);
  return {
    put: prepare(
      `INSERT OR REPLACE INTO roster (node_id, name, gossip_address, rpc_address, first_seen_ms, last_alive_ms)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    remove: prepare("DELETE FROM roster WHERE node_id = ?"),
    raiseIncarnation: prepare("UPDATE node SET incarnation = ? WHERE incarnation < ?"),
  };
}
