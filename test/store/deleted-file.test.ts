import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { append, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

test("openSqliteStore() notices that its file was deleted, and does not begin an empty one in its place", async () => {
  using directory = temporaryDirectory();
  const store = await openSqliteStore({ directory: directory.path, workerUrl });
  await append(store, "c", 1);
  for (const name of ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock"]) {
    rmSync(join(directory.path, name), { force: true });
  }
  expect((await store.crashed).message).toContain("was deleted or replaced while it was open");
  await store.abort();

  const again = openSqliteStore({ directory: directory.path, workerUrl, expectExisting: true });
  expect(await again.catch((error: unknown) => error)).toMatchObject({ kind: "damaged" });
});
