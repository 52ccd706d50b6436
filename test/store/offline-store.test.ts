import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { encodeEntry } from "../../src/core/entry-wire.ts";
import { contentHash, type Entry } from "../../src/core/entry.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import { migrate, migrations } from "../../src/store/migrations.ts";
import { openOfflineStore } from "../../src/store/offline-store.ts";
import { StoreOpenError } from "../../src/store/open-error.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite-store.ts";
import { verifyData } from "../../src/server/offline/verify-data.ts";
import { sampleFork, sampleReplica, truncate } from "./sample-replicas.ts";
import { workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const hasher = await loadHasher();

describe("openOfflineStore()", () => {
  test("is refused beside a process that has the directory open", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    try {
      expect(openFailure(directory.path)).toMatchObject({
        kind: "locked",
        message: expect.stringContaining("stop that server"),
      });
    } finally {
      await store.close();
    }
    openOfflineStore(directory.path)[Symbol.dispose]();
  });

  test("keeps others from opening the directory, and readers like itself not", async () => {
    using directory = temporaryDirectory();
    await (await openSqliteStore({ directory: directory.path, workerUrl })).close();
    {
      using first = openOfflineStore(directory.path);
      using second = openOfflineStore(directory.path);
      expect([first.contexts("", 1), second.contexts("", 1)]).toEqual([[], []]);
      const opening = openSqliteStore({ directory: directory.path, workerUrl });
      await expect(opening).rejects.toMatchObject({ kind: "locked" });
    }
    await (await openSqliteStore({ directory: directory.path, workerUrl })).close();
  });

  test("reads what a crash left in the write-ahead log, and leaves every file as it is", async () => {
    using directory = temporaryDirectory();
    using crashed = await crashedCopy(directory.path);
    const before = readdirSync(crashed.path).sort();
    expect(before).toContain("ledger.db-wal");
    {
      using store = openOfflineStore(crashed.path);
      expect(store.contexts("", 10).map(({ contextId, head }) => [contextId, head.latest])).toEqual([
        ["c", 1],
      ]);
    }
    expect(readdirSync(crashed.path).sort()).toEqual(before);
  });

  test("says what to do if the index of a write-ahead log is missing", async () => {
    using directory = temporaryDirectory();
    using crashed = await crashedCopy(directory.path);
    rmSync(`${crashed.path}/ledger.db-shm`);
    expect(openFailure(crashed.path)).toMatchObject({
      kind: "damaged",
      message: expect.stringContaining("copy all three"),
    });
    expect(readdirSync(crashed.path)).not.toContain("ledger.db-shm");
  });

  test("reads a ledger file alone, as a copy of it may be", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    await appendOne(store);
    await store.close();
    mkdirSync(`${directory.path}/copy # 100%?`);
    const copy = `${directory.path}/copy # 100%?`;
    copyFileSync(`${directory.path}/ledger.db`, `${copy}/ledger.db`);
    chmodSync(`${copy}/ledger.db`, 0o400);
    {
      using opened = openOfflineStore(copy);
      expect(await opened.head("c")).toMatchObject({
        latest: 1,
        lamport: 2n ** 60n + 1n,
        appendedAtNs: 2n ** 62n + 1n,
      });
    }
    expect(readdirSync(copy)).toEqual(["ledger.db"]);
  });

  test.each([
    [1, "which has no tree and no signatures"],
    [2, "which has no roster"],
    [3, "which has no replicas"],
    [4, "the newest"],
  ])("reads a file of schema %i, %s", async (schema) => {
    using directory = temporaryDirectory();
    const db = new Database(`${directory.path}/ledger.db`, { create: true, readwrite: true });
    migrate(db, "ledger.db", migrations.slice(0, schema));
    const { wire, hash } = encoded();
    db.run(
      "INSERT INTO context (id, log, latest, lamport, appended_at_ns, bytes, created_at_ns) VALUES (?, 1, 1, 7, 5, 8, 5)",
      [Buffer.from("c")],
    );
    db.run("INSERT INTO entry (log, sequence, key, content_hash, wire) VALUES (1, 1, ?, ?, ?)", [
      Buffer.from("k"),
      hash,
      wire,
    ]);
    db.run("UPDATE totals SET contexts = 1, entries = 1, bytes = 8");
    db.close();
    const steps = await Array.fromAsync(verifyData(directory.path, hasher));
    expect(steps.filter(({ kind }) => kind === "damage")).toEqual([]);
    expect(steps.at(-1)).toEqual({ kind: "result", contexts: 1, entries: 1, damaged: 0 });
  });

  test("verifies a file with replicas, archives and forks without a finding", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const times = { lamport: 7n, appendedAtNs: 5n };
    await appendOne(store, times);
    const from = await store.head("c");
    if (from === undefined) throw new Error("it was appended");
    await truncate(store, "c", from, 0);
    await appendOne(store, times);
    const replicas = [sampleReplica("c", 1), sampleReplica("d", 0)];
    await store.commit({ rows: [], heads: [], replicas, forks: [sampleFork("c", 0)] });
    await store.close();
    const steps = await Array.fromAsync(verifyData(directory.path, hasher));
    expect(steps.filter(({ kind }) => kind === "damage")).toEqual([]);
  });

  test.each<[string, (path: string) => void, string]>([
    ["a directory that is missing", (path) => rmSync(path, { recursive: true }), "io"],
    ["a directory without a ledger", () => {}, "not-a-ledger"],
    ["an empty file", (path) => writeFileSync(`${path}/ledger.db`, ""), "not-a-ledger"],
    [
      "a file of something else",
      (path) => writeFileSync(`${path}/ledger.db`, "x".repeat(5000)),
      "not-a-ledger",
    ],
    ["a database of another program", (path) => otherDatabase(path, () => {}), "not-a-ledger"],
    ["a ledger of a newer program", (path) => otherDatabase(path, newerSchema), "newer-schema"],
  ])("refuses %s", (_, prepare, kind) => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/data`;
    mkdirSync(path);
    prepare(path);
    expect(openFailure(path).kind).toBe(kind as StoreOpenError["kind"]);
  });
});

function openFailure(directory: string): StoreOpenError {
  try {
    openOfflineStore(directory)[Symbol.dispose]();
  } catch (error) {
    if (error instanceof StoreOpenError) return error;
    throw error;
  }
  throw new Error("it was opened");
}

/** Returns the files of a directory as they are after a crash with one commit in the write-ahead log. */
async function crashedCopy(directory: string) {
  const store = await openSqliteStore({ directory: `${directory}/live`, workerUrl });
  await appendOne(store);
  const path = `${directory}/crashed`;
  cpSync(`${directory}/live`, path, { recursive: true });
  return { path, [Symbol.dispose]: () => void store.close() };
}

const entry: Entry = {
  id: "i",
  key: "k",
  payload: new TextEncoder().encode("payload"),
  sequence: 1,
  appendedAtNs: 5n,
  metadata: [],
  lamport: 7n,
};

function encoded() {
  return { wire: encodeEntry(entry), hash: contentHash("c", entry, hasher) };
}

const big = { lamport: 2n ** 60n + 1n, appendedAtNs: 2n ** 62n + 1n };

async function appendOne(store: SqliteStore, times = big): Promise<void> {
  const log = store.newLog();
  const { wire, hash } = encoded();
  await store.commit({
    rows: [{ log, sequence: 1, key: "k", contentHash: hash, wire, findableId: undefined }],
    heads: [{ contextId: "c", from: undefined, to: { log, latest: 1, bytes: 8, createdAtNs: 5n, ...times } }],
  });
}

function otherDatabase(path: string, change: (db: Database) => void): void {
  const db = new Database(`${path}/ledger.db`, { create: true, readwrite: true });
  db.run("CREATE TABLE other (a INTEGER)");
  change(db);
  db.close();
}

function newerSchema(db: Database): void {
  migrate(db, "ledger.db");
  db.run("INSERT INTO migration (version, name, checksum, applied_at_ms) VALUES (99, 'later', '', 0)");
}
