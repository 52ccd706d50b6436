/**
 * The write-ahead log (WAL) of the writer's connection: how long it is, and moving it into the
 * ledger file.
 *
 * @module
 */

import type { Database, Statement } from "bun:sqlite";
import { queryOnce } from "./query-once.ts";

export class WriteAheadLog {
  readonly #state: Statement;
  readonly #checkpoint: Statement;
  readonly #pageBytes: number;

  constructor(db: Database) {
    this.#pageBytes = Number(queryOnce(db, "PRAGMA page_size")[0]?.[0]);
    this.#state = db.prepare("PRAGMA wal_checkpoint(NOOP)");
    this.#checkpoint = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** Bytes of commits that are not in the ledger file yet. Takes about 3 µs. */
  pendingBytes(): number {
    return this.#pending(this.#state);
  }

  /**
   * Copies the WAL into the ledger file with one or two fsyncs, so that the next commit starts it over.
   * Returns the bytes that a reader kept from being copied. Throws what SQLite throws.
   */
  checkpoint(): number {
    return this.#pending(this.#checkpoint);
  }

  finalize(): void {
    this.#state.finalize();
    this.#checkpoint.finalize();
  }

  #pending(statement: Statement): number {
    const [, frames, copied] = statement.values()[0] ?? [];
    return Math.max(0, Number(frames) - Number(copied)) * this.#pageBytes;
  }
}
