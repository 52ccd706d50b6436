import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  applicationId,
  appliedMigrations,
  migrate,
  type Migration,
  migrations,
} from "../../src/store/migrations.ts";
import { queryOnce } from "../../src/store/query-once.ts";

const steps: readonly Migration[] = [
  { version: 1, name: "one", sql: "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);" },
  { version: 2, name: "two", sql: "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;" },
];
const memory = () => new Database(":memory:", { strict: true });

describe("migrate()", () => {
  test("applies every step to an empty file, in order, and records them", () => {
    using db = memory();
    migrate(db, "ledger.db", steps);
    expect(queryOnce(db, "SELECT x, y FROM a")).toEqual([[1, 2]]);
    expect(appliedMigrations(db).map(({ version, name }) => [version, name])).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
    expect(queryOnce(db, "PRAGMA application_id")).toEqual([[applicationId]]);
    const ageMs =
      Date.now() - Number(queryOnce(db, "SELECT applied_at_ms FROM migration WHERE version = 2")[0]?.[0]);
    expect(ageMs).toBeLessThan(60_000);
    expect(ageMs).toBeGreaterThanOrEqual(-1);
  });

  test("applies only the steps that a file has not had, and keeps its data", () => {
    using db = memory();
    migrate(db, "ledger.db", steps.slice(0, 1));
    db.run("INSERT INTO a VALUES (41)");
    migrate(db, "ledger.db", steps);
    migrate(db, "ledger.db", steps);
    expect(queryOnce(db, "SELECT x, y FROM a")).toEqual([
      [1, 2],
      [41, 42],
    ]);
  });

  test("refuses a file with more steps than are known, naming both versions", () => {
    using db = memory();
    migrate(db, "ledger.db", steps);
    expect(() => migrate(db, "ledger.db", steps.slice(0, 1))).toThrow(
      "Cannot open ledger.db: its schema is version 2, and this program knows versions up to 1; " +
        "open it with the newer program that wrote it",
    );
  });

  test("leaves a file as it was if a step fails", () => {
    using db = memory();
    migrate(db, "ledger.db", steps.slice(0, 1));
    const broken = {
      version: 2,
      name: "broken",
      sql: "INSERT INTO a VALUES (2); INSERT INTO nowhere VALUES (1);",
    };
    expect(() => migrate(db, "ledger.db", [...steps.slice(0, 1), broken])).toThrow("nowhere");
    expect(queryOnce(db, "SELECT x FROM a")).toEqual([[1]]);
    expect(appliedMigrations(db).length).toBe(1);
  });
});

describe("migrations", () => {
  test.each(migrations.slice(0, -1).map(({ version }) => version))(
    "take a file of version %i to the newest, which a program of that version then refuses",
    (version) => {
      using db = memory();
      migrate(db, "ledger.db", migrations.slice(0, version));
      migrate(db, "ledger.db");
      using fresh = memory();
      migrate(fresh, "ledger.db");
      const schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
      expect(queryOnce(db, schema)).toEqual(queryOnce(fresh, schema));
      expect(() => migrate(db, "ledger.db", migrations.slice(0, version))).toThrow(
        `its schema is version ${migrations.length}, and this program knows versions up to ${version}`,
      );
    },
  );

  test("count up from 1", () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
  });

  test("are never edited once released", () => {
    using db = memory();
    migrate(db, "ledger.db");
    expect(appliedMigrations(db)).toMatchSnapshot();
  });
});
