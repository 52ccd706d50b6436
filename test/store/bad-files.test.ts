import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { StoreOpenError } from "../../src/store/open-error.ts";
import { append, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const openFailure = (directory: string): Promise<unknown> =>
  openSqliteStore({ directory, workerUrl }).catch((error: unknown) => error);

interface BadFile {
  readonly name: string;
  readonly spoil: (directory: string, ledger: string) => void;
  readonly kind: string;
  readonly text: RegExp;
}

const badFiles: readonly BadFile[] = [
  {
    name: "a file of random bytes",
    spoil: (_, ledger) =>
      writeFileSync(
        ledger,
        new Uint8Array(20_000).map((_byte, i) => (i * 7 + 13) % 251),
      ),
    kind: "not-a-ledger",
    text: /not a ledger.*restore it from a backup/,
  },
  {
    name: "a text file",
    spoil: (_, ledger) => writeFileSync(ledger, "to do: water the plants\n"),
    kind: "not-a-ledger",
    text: /not a ledger/,
  },
  {
    name: "a file cut in the middle",
    spoil: (_, ledger) => truncateSync(ledger, 3 * 4096),
    kind: "damaged",
    text: /damaged or cut short.*backup/,
  },
  {
    name: "a file cut inside its first page",
    spoil: (_, ledger) => truncateSync(ledger, 1000),
    kind: "damaged",
    text: /damaged or cut short.*backup/,
  },
  {
    name: "a file cut to nothing",
    spoil: (_, ledger) => truncateSync(ledger, 0),
    kind: "damaged",
    text: /empty or missing.*ledger\.lock shows/,
  },
  {
    name: "a missing file",
    spoil: (_, ledger) => rmSync(ledger),
    kind: "damaged",
    text: /empty or missing.*ledger\.lock shows/,
  },
  {
    name: "an empty file beside a write-ahead log",
    spoil: (directory, ledger) => {
      rmSync(join(directory, "ledger.lock"));
      truncateSync(ledger, 0);
      writeFileSync(`${ledger}-wal`, new Uint8Array(9000).fill(1));
    },
    kind: "damaged",
    text: /empty or missing.*ledger\.db-wal shows/,
  },
  {
    name: "a SQLite database of another program",
    spoil: (_, ledger) => {
      rmSync(ledger);
      using db = new Database(ledger, { create: true });
      db.run("CREATE TABLE contact (name TEXT)");
    },
    kind: "not-a-ledger",
    text: /another program.*move that file away/,
  },
  {
    name: "an empty SQLite database where a ledger was",
    spoil: (_, ledger) => {
      rmSync(ledger);
      using db = new Database(ledger, { create: true });
      db.run("VACUUM");
    },
    kind: "damaged",
    text: /no tables.*backup/,
  },
  {
    name: "a newer schema",
    spoil: (_, ledger) => change(ledger, "INSERT INTO migration VALUES (99, 'later', 'x', 0)"),
    kind: "newer-schema",
    text: /version 99.*up to 4;.*newer program/,
  },
  {
    name: "another schema of the same version",
    spoil: (_, ledger) => change(ledger, "UPDATE migration SET checksum = 'x' WHERE version = 1"),
    kind: "damaged",
    text: /version 1 \(ledger\) is not the one/,
  },
];

function change(ledger: string, sql: string): void {
  using db = new Database(ledger, { readwrite: true });
  db.run(sql);
}

describe("openSqliteStore() refuses", () => {
  test.each(badFiles.map((bad) => [bad.name, bad] as const))(
    "%s, and leaves it as it is",
    async (_name, bad) => {
      using temporary = temporaryDirectory();
      const directory = temporary.path;
      const store = await openSqliteStore({ directory, workerUrl });
      await append(store, "c", 50, { wireBytes: 500 });
      await store.close();
      const ledger = join(directory, "ledger.db");
      bad.spoil(directory, ledger);
      const before = existsSync(ledger) ? readFileSync(ledger) : undefined;

      const failure = await openFailure(directory);
      expect(failure).toBeInstanceOf(StoreOpenError);
      expect(failure).toMatchObject({ kind: bad.kind });
      expect((failure as Error).message).toMatch(bad.text);
      expect((failure as Error).message).toContain(ledger);
      const after = existsSync(ledger) ? readFileSync(ledger) : undefined;
      expect(after).toEqual(before as Buffer<ArrayBuffer>);
      // The lock is free again: the second attempt fails for the same reason.
      expect(await openFailure(directory)).toMatchObject({ kind: bad.kind });
    },
  );
});
