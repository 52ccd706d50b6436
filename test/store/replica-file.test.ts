import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { StoreError } from "../../src/ledger/ports.ts";
import { migrate, migrations } from "../../src/store/migrations.ts";
import { SqliteReader } from "../../src/store/sqlite-reader.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { openWriter } from "./open-writer.ts";
import { sampleFork, sampleReplica, sampleTruncation, truncate } from "./sample-replicas.ts";
import { append, sampleAppend, sampleHead, sampleRows, sequencesOf, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

describe("a ledger file", () => {
  test("keeps replicas, archives and forks when it is closed and opened", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const archive = await truncate(store, "c", await append(store, "c", 9), 4);
    const replicas = [sampleReplica("c", 4), sampleReplica("d", 0, { leaving: true })];
    await store.commit({ rows: [], heads: [], replicas, forks: [sampleFork("c", 4)] });
    const archives = await store.archives(undefined, 9);
    await store.close();

    const again = await openSqliteStore({ directory: directory.path, workerUrl });
    expect(await again.replicas("", 9)).toEqual(replicas);
    expect(await again.forks(undefined, 9)).toEqual([sampleFork("c", 4)]);
    expect(await again.archives(undefined, 9)).toEqual(archives);
    expect(await again.discard(archive, 0)).toBe(false);
    expect(await sequencesOf(again, archive)).toEqual([5, 6, 7, 8, 9]);
    expect((await append(again, "c", 1)).latest).toBe(5);
    await again.close();
    await expect(again.replica("c")).rejects.toMatchObject({ name: "StoreError", failure: "closed" });
    await expect(again.archives("c", 1)).rejects.toMatchObject({ failure: "closed" });
  });

  test("of the third schema is brought up to date, and can be read beside an older program", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "ledger.db");
    {
      using db = new Database(path, { create: true, strict: true });
      db.run("PRAGMA journal_mode = WAL");
      migrate(db, "ledger.db", migrations.slice(0, 3));
      const reader = new SqliteReader(path);
      expect(reader.roster()).toEqual([]);
      expect(() => reader.replica("c")).toThrow(StoreError);
      reader.close();
    }
    using open = openWriter(directory.path);
    open.commit({ rows: [], heads: [], replicas: [sampleReplica("c", 1)] });
    const reader = new SqliteReader(path);
    expect(reader.replica("c")).toEqual(sampleReplica("c", 1));
    reader.close();
  });

  test("has 16 bytes for each holder", () => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    open.commit({ rows: [], heads: [], replicas: [sampleReplica("c", 1)] });
    expect(open.number("SELECT length(holders) FROM replica")).toBe(32);
  });
});

describe("CommitWriter", () => {
  test("remembers logs that were dropped, and archives that were settled, until they are discarded", () => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    const [log, archive] = [open.newLog(), open.newLog()];
    const staged = "SELECT group_concat(log) FROM (SELECT log FROM staging ORDER BY log)";
    open.commit(sampleAppend("c", undefined, log, 9));
    open.commit({
      rows: [],
      heads: [],
      truncations: [sampleTruncation("c", sampleHead(log, 9), 4, archive)],
    });
    expect(open.number("SELECT count(*) FROM staging")).toBe(0);
    open.commit({
      rows: [],
      heads: [],
      drops: [{ contextId: "c", from: sampleHead(log, 4) }],
      settled: [archive],
    });
    expect(open.db.query(staged).values()).toEqual([[`${log},${archive}`]]);
    for (const each of [log, archive]) expect(open.writer.discard(each, 0)).toBe(false);
    expect(open.number("SELECT count(*) FROM staging")).toBe(0);
    expect(open.number("SELECT count(*) FROM entry")).toBe(0);
  });

  test("discards after a restart what was dropped or settled before, and keeps archives", () => {
    using directory = temporaryDirectory();
    const [dropped, kept, settled, again] = [1, 2, 3, 4];
    {
      using open = openWriter(directory.path);
      open.commit(sampleAppend("c", undefined, dropped, 900));
      const truncations = [
        sampleTruncation("c", sampleHead(dropped, 900), 800, kept),
        sampleTruncation("c", sampleHead(dropped, 800), 500, settled),
      ];
      open.commit({ rows: [], heads: [], truncations });
      open.commit({ rows: [], heads: [], settled: [settled] });
      const drops = [{ contextId: "c", from: sampleHead(dropped, 500) }];
      open.commit({ ...sampleAppend("c", undefined, again, 7), drops });
    }
    using open = openWriter(directory.path);
    let steps = 1;
    while (open.writer.discardOrphans()) steps += 1;
    expect(steps).toBe(4);
    const counts = open.db.query("SELECT log, count(*) FROM entry GROUP BY log ORDER BY log").values();
    expect(counts.map((row) => row.map(Number))).toEqual([
      [kept, 100],
      [again, 7],
    ]);
    expect(open.number("SELECT count(*) FROM staging")).toBe(0);
    expect(open.number("SELECT count(*) FROM archive")).toBe(1);
  });

  test("truncates over rows that an earlier instance left behind the head", () => {
    using directory = temporaryDirectory();
    const [log, archive] = [1, 2];
    {
      using open = openWriter(directory.path);
      open.commit(sampleAppend("c", undefined, log, 5));
      open.commit({ rows: sampleRows(log, 6, 9, { key: "stale" }), heads: [] });
    }
    using open = openWriter(directory.path);
    open.commit({
      rows: sampleRows(log, 4, 7),
      heads: [{ contextId: "c", from: sampleHead(log, 3), to: sampleHead(log, 7) }],
      truncations: [sampleTruncation("c", sampleHead(log, 5), 3, archive)],
    });
    while (open.writer.discardOrphans());
    expect(open.number(`SELECT count(*) FROM entry WHERE log = ${log}`)).toBe(7);
    expect(open.number(`SELECT count(*) FROM entry WHERE log = ${archive}`)).toBe(2);
    expect(open.number("SELECT count(*) FROM entry WHERE key = CAST('stale' AS BLOB)")).toBe(0);
    expect(open.number("SELECT count(*) FROM staging")).toBe(0);
  });
});

describe("the schema", () => {
  test.each([
    [
      "replicas in the order of their contexts",
      "SELECT holders FROM replica WHERE context > ? ORDER BY context LIMIT 9",
      "SEARCH replica USING PRIMARY KEY (context>?)",
    ],
    [
      "archives of a context",
      "SELECT first FROM archive WHERE context = ? ORDER BY log LIMIT 9",
      "SEARCH archive USING INDEX archive_by_context (context=?)",
    ],
    [
      "forks by time",
      "SELECT hashes FROM fork ORDER BY found_at_ns, context, after, loser_counter, loser_node LIMIT 9",
      "SCAN fork USING INDEX fork_by_time",
    ],
  ])("finds %s by one index, without sorting", (_name, sql, plan) => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    const statement = open.db.prepare(`EXPLAIN QUERY PLAN ${sql}`);
    expect(statement.values().map((row) => row[3])).toEqual([plan]);
    statement.finalize();
  });
});
