/**
 * The schema, as ordered steps that are never edited once released. Each is applied in one
 * transaction and recorded with its time and checksum.
 *
 * @module
 */

import type { Database } from "bun:sqlite";
import ledgerSql from "./migrations/0001-ledger.sql" with { type: "text" };
import integritySql from "./migrations/0002-integrity.sql" with { type: "text" };
import rosterSql from "./migrations/0003-roster.sql" with { type: "text" };
import replicasSql from "./migrations/0004-replicas.sql" with { type: "text" };
import { StoreOpenError } from "./open-error.ts";
import { queryOnce } from "./query-once.ts";

export interface Migration {
  /** 1 for the first; each is one more than the one before. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export const migrations: readonly Migration[] = [
  { version: 1, name: "ledger", sql: ledgerSql },
  { version: 2, name: "integrity", sql: integritySql },
  { version: 3, name: "roster", sql: rosterSql },
  { version: 4, name: "replicas", sql: replicasSql },
];

/** Marks the file as a ledger: "CLgr". */
export const applicationId = 0x434c6772;

/** One migration that a file has had. */
export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * Brings the schema of an open ledger, or of an empty file, to the newest of `steps`. Throws
 * StoreOpenError if the file is further than that, or had other steps. `path` is for the messages.
 */
export function migrate(db: Database, path: string, steps: readonly Migration[] = migrations): void {
  const applied = appliedMigrations(db);
  const known = steps.at(-1)?.version ?? 0;
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > known) {
    throw new StoreOpenError(
      "newer-schema",
      `Cannot open ${path}: its schema is version ${newest}, and this program knows versions up to ${known}; ` +
        "open it with the newer program that wrote it",
    );
  }
  for (const step of steps) {
    const was = applied.find(({ version }) => version === step.version);
    if (was === undefined) apply(db, step);
    else if (was.checksum !== checksumOf(step)) {
      throw new StoreOpenError(
        "damaged",
        `Cannot open ${path}: its schema version ${was.version} (${was.name}) is not the one this program has; ` +
          "open it with the program that wrote it, or restore it from a backup",
      );
    }
  }
}

/** Returns the migrations a file has had, oldest first; none for an empty file. */
export function appliedMigrations(db: Database): AppliedMigration[] {
  const present = queryOnce(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration'");
  if (present.length === 0) return [];
  const rows = queryOnce(db, "SELECT version, name, checksum FROM migration ORDER BY version");
  return rows.map(([version, name, checksum]) => ({
    version: Number(version),
    name: String(name),
    checksum: String(checksum),
  }));
}

function apply(db: Database, step: Migration): void {
  db.run("BEGIN IMMEDIATE");
  try {
    db.run(`PRAGMA application_id = ${applicationId}`);
    db.run(migrationTable);
    db.run(step.sql);
    db.run(
      `INSERT INTO migration (version, name, checksum, applied_at_ms)
       VALUES (?, ?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER))`,
      [step.version, step.name, checksumOf(step)],
    );
    db.run("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.run("ROLLBACK");
    throw error;
  }
}

const migrationTable = `CREATE TABLE IF NOT EXISTS migration (
  version       INTEGER NOT NULL PRIMARY KEY,
  name          TEXT    NOT NULL,
  checksum      TEXT    NOT NULL,
  applied_at_ms INTEGER NOT NULL
) STRICT`;

/** SHA-256 in hexadecimal of the step's text. */
function checksumOf(step: Migration): string {
  return new Bun.CryptoHasher("sha256").update(step.sql).digest("hex");
}
