import { describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../../src/ledger/ports.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { append, sequencesOf, workerUrl } from "./sample-rows.ts";
import { canMount, mountTmpfs } from "./tmpfs.ts";

describe("a full disk", () => {
  test.skipIf(!canMount)(
    "fails commits and nothing else, until there is space (needs the right to mount)",
    async () => {
      using tmpfs = mountTmpfs(6 * 1024);
      const directory = join(tmpfs?.path ?? "", "ledger");
      const ballast = join(tmpfs?.path ?? "", "ballast");
      writeFileSync(ballast, new Uint8Array(3 * 1024 * 1024));
      const store = await openSqliteStore({ directory, workerUrl });
      const appendTen = () => append(store, "c", 10, { wireBytes: 10_000, id: "x" });

      let acknowledged = 0;
      let failure: unknown;
      while (failure === undefined) {
        const head = await appendTen().catch((error: unknown) => {
          failure = error;
        });
        acknowledged = head?.latest ?? acknowledged;
      }
      expect(failure).toBeInstanceOf(StoreError);
      expect(failure).toMatchObject({ failure: "full" });
      expect((failure as Error).message).toMatch(/^Cannot commit: .*; free space on the file system/);
      expect(acknowledged).toBeGreaterThan(50);

      for (let attempt = 0; attempt < 3; attempt += 1) {
        expect(await appendTen().catch((error: unknown) => error)).toMatchObject({ failure: "full" });
        expect((await store.head("c"))?.latest).toBe(acknowledged);
      }
      const log = (await store.head("c"))?.log ?? 0;
      expect((await sequencesOf(store, log)).length).toBe(acknowledged);
      expect((await store.totals()).entries).toBe(acknowledged);

      rmSync(ballast);
      expect((await appendTen()).latest).toBe(acknowledged + 10);
      await store.close();

      const again = await openSqliteStore({ directory, workerUrl });
      expect((await sequencesOf(again, log)).length).toBe(acknowledged + 10);
      await again.close();
    },
  );
});
