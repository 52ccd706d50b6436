/** Rows that take the place of damaged ones in a ledger file, and what is left when they cannot. */

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite-store.ts";
import { append, sampleRow, sampleRows, wholeLog, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const count = 600;
const entriesOf = (log: number) =>
  sampleRows(log, 1, count).map(({ sequence, contentHash, wire }) => ({ sequence, contentHash, wire }));

/** Makes a context of sample rows, lets `change` change its file, repairs row 7, and returns the rows and the file's check. */
async function repaired(
  change: string,
): Promise<{ rows: unknown; wanted: unknown; check: unknown; byKey: number }> {
  using directory = temporaryDirectory();
  const open = (): Promise<SqliteStore> => openSqliteStore({ directory: directory.path, workerUrl });
  const before = await open();
  const { log } = await append(before, "c", count, { id: "x" });
  await before.close();
  const file = join(directory.path, "ledger.db");
  const db = new Database(file);
  db.run(change);
  db.close();
  const store = await open();
  await store.commit({ rows: [], heads: [], repairs: [sampleRow(log, 7, { id: "x" })] });
  const rows = await store.read({ ...wholeLog, log, entriesMax: count });
  const byKey = (await store.read({ ...wholeLog, log, key: "facts", entriesMax: count })).length;
  await store.close();
  const checked = new Database(file);
  const [check] = checked.query("PRAGMA integrity_check").values();
  checked.close();
  return { rows, wanted: entriesOf(log), check: check?.[0], byKey };
}

test.each([
  ["a payload", "UPDATE entry SET wire = x'00' WHERE sequence = 7"],
  ["a hash", "UPDATE entry SET content_hash = x'00' WHERE sequence = 7"],
  ["a key", "UPDATE entry SET key = x'00' WHERE sequence = 7"],
  ["an id that is missing", "UPDATE entry SET id = NULL WHERE sequence = 7"],
  ["a row that is missing", "DELETE FROM entry WHERE sequence = 7"],
])("a repair puts right %s, and leaves a sound file", async (_name, change) => {
  const { rows, wanted, check, byKey } = await repaired(change);
  expect(rows).toEqual(wanted);
  expect([check, byKey]).toEqual(["ok", count]);
});
