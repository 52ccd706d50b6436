import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../src/core/limits.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { openWriter } from "./open-writer.ts";
import { append, sampleAppend, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const walOf = (directory: string) => join(directory, "ledger.db-wal");

describe("the write-ahead log", () => {
  test("stays bounded under commits without a pause", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const commitBytes = 1_000_000;
    let written = 0;
    while (written < 4 * limits.walBytesMax) {
      await append(store, "c", 100, { wireBytes: commitBytes / 100 });
      written += commitBytes;
    }
    expect(statSync(walOf(directory.path)).size).toBeLessThan(limits.walBytesMax + 2 * commitBytes);
    expect(statSync(walOf(directory.path)).size).toBeGreaterThan(limits.walBytesMax / 2);
    await store.close();
  });

  test("is copied into the ledger file once the writer is idle", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const ledgerBytes = () => statSync(join(directory.path, "ledger.db")).size;
    const before = ledgerBytes();
    await append(store, "c", 20, { wireBytes: limits.walBytesMax / 80 });
    while (ledgerBytes() === before) await Bun.sleep(2);
    await store.close();
  });

  test("of a crash is synced before anyone is shown what it holds", () => {
    using directory = temporaryDirectory();
    const crashed = join(directory.path, "crashed");
    {
      using open = openWriter(join(directory.path, "running"));
      open.commit(sampleAppend("c", undefined, open.newLog(), 5));
      mkdirSync(crashed);
      for (const name of ["ledger.db", "ledger.db-wal"]) {
        copyFileSync(join(directory.path, "running", name), join(crashed, name));
      }
    }
    expect(statSync(walOf(crashed)).size).toBeGreaterThan(0);
    using open = openWriter(crashed);
    expect(open.number("SELECT latest FROM context")).toBe(5);
    // Only the reservation of log numbers has been written since; the rest is in the ledger file.
    expect(statSync(walOf(crashed)).size).toBeLessThan(2 * 4200);
  });
});
