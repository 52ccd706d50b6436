import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../../src/ledger/ports.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { append, sampleHead, sampleRows, sequencesOf, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const pageBytes = 4096;

/** Overwrites each page of the file that holds `pattern`; returns how many there were. */
function damagePages(path: string, pattern: Uint8Array): number {
  const file = readFileSync(path);
  let damaged = 0;
  for (let at = pageBytes; at < file.length; at += pageBytes) {
    if (file.subarray(at, at + pageBytes).indexOf(pattern) < 0) continue;
    file.fill(0xff, at, at + pageBytes);
    damaged += 1;
  }
  writeFileSync(path, file);
  return damaged;
}

const mark = new TextEncoder().encode("to be lost ".repeat(27));

describe("a damaged page", () => {
  test("fails the reads that need it, and no others", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const store = await openSqliteStore({ directory: path, workerUrl });
    const healthy = await append(store, "healthy", 200, { wireBytes: 300 });
    await append(store, "on the pages between", 20, { wireBytes: 300 });
    const log = store.newLog();
    const marked = sampleRows(log, 1, 200).map((row) => ({ ...row, wire: mark }));
    await store.commit({
      rows: marked,
      heads: [{ contextId: "c", from: undefined, to: sampleHead(log, 200) }],
    });
    await store.close();
    expect(damagePages(join(path, "ledger.db"), mark)).toBeGreaterThan(10);

    const again = await openSqliteStore({ directory: path, workerUrl });
    const failure = await sequencesOf(again, log).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ failure: "io" });
    expect((failure as Error).message).toMatch(
      /^Cannot read entries after \d+ of log \d+: .*damaged: restore/,
    );
    expect(await again.head("c")).toEqual(sampleHead(log, 200));
    expect((await sequencesOf(again, healthy.log)).length).toBe(200);
    await again.close();
  });

  test("of the contexts fails their commits as io, and the store lives", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const store = await openSqliteStore({ directory: path, workerUrl });
    await append(store, "a-context-to-lose", 1);
    await store.close();
    expect(
      damagePages(join(path, "ledger.db"), new TextEncoder().encode("a-context-to-lose")),
    ).toBeGreaterThan(0);

    const again = await openSqliteStore({ directory: path, workerUrl });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const heads = [{ contextId: "new", from: undefined, to: sampleHead(99, 1) }];
      const failure = await again
        .commit({ rows: sampleRows(99, 1, 1), heads })
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: "StoreError", failure: "io" });
      expect(await again.head("new").catch((error: unknown) => error)).toMatchObject({ failure: "io" });
    }
    expect((await again.totals()).entries).toBe(1);
    await again.close();
  });
});
