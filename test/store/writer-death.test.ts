import { describe, expect, test } from "bun:test";
import { StoreError } from "../../src/ledger/ports.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { append, sampleAppend, sampleHead, sampleRows, sequencesOf, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

describe("a writer that dies", () => {
  test.each([
    ["die before the commit", 2],
    ["die after the commit", 3],
    ["throw after the commit", 3],
  ])("(%s) leaves an unknown outcome that the heads of the reopened store tell", async (order, latest) => {
    using directory = temporaryDirectory();
    const dying = new URL("./dying-writer-worker.ts", import.meta.url);
    const store = await openSqliteStore({ directory: directory.path, workerUrl: dying });
    await append(store, "c", 1);
    const head = await append(store, "c", 1);

    const failure = await append(store, "c", 1, { key: order }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ failure: "unknown" });
    expect((await store.crashed).message).toStartWith("The writer of the store ended: ");
    // Entries stay readable; what needs the writer, or a certain head, waits for the next one.
    expect((await sequencesOf(store, head.log)).length).toBe(latest);
    for (const call of [() => store.head("c"), () => append(store, "c", 1), () => store.discard(1, 0)]) {
      expect(await call().catch((error: unknown) => error)).toMatchObject({ failure: "closed" });
    }
    await store.abort();

    const again = await openSqliteStore({ directory: directory.path, workerUrl });
    expect((await again.head("c"))?.latest).toBe(latest);
    expect((await append(again, "c", 1)).latest).toBe(latest + 1);
    await again.close();
  });

  test("in the middle of a commit leaves all of it or nothing", async () => {
    using directory = temporaryDirectory();
    const latest: (number | undefined)[] = [];
    for (let round = 0; round < 8; round += 1) {
      const store = await openSqliteStore({ directory: directory.path, workerUrl });
      const log = store.newLog();
      const before = await append(store, `context-${round}`, 1);
      const pending = store.commit({
        rows: [...sampleRows(before.log, 2, 3000), ...sampleRows(log, 1, 3000)],
        heads: [
          { contextId: `context-${round}`, from: before, to: sampleHead(before.log, 3000) },
          { contextId: `twin-${round}`, from: undefined, to: sampleHead(log, 3000) },
        ],
      });
      const outcome = pending.then(({ kind }) => kind).catch((error: StoreError) => error.failure);
      await Bun.sleep(round);
      await store.abort();
      const again = await openSqliteStore({ directory: directory.path, workerUrl });
      const twin = await again.head(`twin-${round}`);
      const written = (await outcome) === "committed" || twin !== undefined;
      expect((await again.head(`context-${round}`))?.latest).toBe(written ? 3000 : 1);
      expect((await sequencesOf(again, log)).length).toBe(written ? 3000 : 0);
      expect((await sequencesOf(again, before.log)).length).toBe(written ? 3000 : 1);
      latest.push(twin?.latest);
      await again.close();
    }
    expect(latest.length).toBe(8);
  });
});

describe("abort()", () => {
  test("fails the commit under way as unknown, and frees the directory", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const pending = store
      .commit(sampleAppend("c", undefined, store.newLog(), 5))
      .catch((error: unknown) => error);
    await store.abort();
    expect(["committed", "unknown"]).toContain(kindOf(await pending));
    expect(await store.totals().catch((error: unknown) => error)).toMatchObject({ failure: "closed" });
    await store.abort();
    await store.close();
    await (await openSqliteStore({ directory: directory.path, workerUrl })).close();
  });
});

describe("close()", () => {
  test("lets the commits under way finish", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const pending = store.commit(sampleAppend("c", undefined, store.newLog(), 2000));
    await store.close();
    expect((await pending).kind).toBe("committed");
    await store.close();
    expect(await append(store, "c", 1).catch((error: unknown) => error)).toMatchObject({ failure: "closed" });
    const again = await openSqliteStore({ directory: directory.path, workerUrl });
    expect((await again.head("c"))?.latest).toBe(2000);
    await again.close();
  });
});

describe("newLog()", () => {
  test("does not repeat a number of an instance that died, rows or no rows", async () => {
    using directory = temporaryDirectory();
    const seen = new Set<number>();
    for (let round = 0; round < 3; round += 1) {
      const store = await openSqliteStore({ directory: directory.path, workerUrl });
      for (let i = 0; i < 100; i += 1) {
        const log = store.newLog();
        expect(seen.has(log)).toBe(false);
        seen.add(log);
      }
      if (round === 1) await store.commit({ rows: sampleRows(Math.max(...seen), 1, 3), heads: [] });
      await store.abort();
    }
  });
});

function kindOf(outcome: unknown): string {
  if (outcome instanceof StoreError) return outcome.failure;
  return (outcome as { kind: string }).kind;
}
