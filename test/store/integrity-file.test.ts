import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../../src/ledger/ports.ts";
import { migrate, migrations } from "../../src/store/migrations.ts";
import { SqliteReader } from "../../src/store/sqlite-reader.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { openWriter } from "./open-writer.ts";
import {
  append,
  sampleAppend,
  sampleHead,
  sampleMember,
  sampleRows,
  wholeLog,
  workerUrl,
} from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const root = (seed: number) => new Uint8Array(32).fill(seed);

describe("a ledger file", () => {
  test("keeps what belongs to proofs and checkpoints when it is closed and opened", async () => {
    using directory = temporaryDirectory();
    const signed = { contextId: "", generation: 1, size: 300, root: root(2) };
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const { log } = await append(store, "c", 300);
    await append(store, "d", 1);
    await store.commit({
      rows: [],
      heads: [],
      subtrees: [{ log, level: 1, index: 0, root: root(1) }],
      signed: [signed],
      logged: [{ contextId: "c", size: 300 }],
      damage: [{ log, sequence: 9, damaged: true }],
    });
    const nodeId = await store.nodeId();
    await store.close();

    const again = await openSqliteStore({ directory: directory.path, workerUrl });
    expect(await again.subtreeRoots(log, 1, 0, 9)).toEqual(root(1));
    expect(await again.signedHead("")).toEqual(signed);
    expect((await again.unlogged(9)).map(({ contextId }) => contextId)).toEqual(["d"]);
    expect(await again.damaged(9)).toEqual([{ log, sequence: 9 }]);
    expect(await again.nodeId()).toEqual(nodeId);
    await again.close();
  });

  test("has a node id that no other has", () => {
    const ids = Array.from({ length: 3 }, () => {
      using directory = temporaryDirectory();
      using open = openWriter(directory.path);
      const reader = new SqliteReader(open.paths.ledger);
      const id = reader.nodeId().toHex();
      reader.close();
      return id;
    });
    expect(new Set(ids).size).toBe(3);
  });

  test("of the second schema keeps its id and what proofs need, and has nobody on its roster", async () => {
    using directory = temporaryDirectory();
    const signed = { contextId: "c", generation: 1, size: 2, root: root(2) };
    const nodeId = new Uint8Array(16).fill(0xab);
    {
      using db = new Database(join(directory.path, "ledger.db"), { create: true, strict: true });
      db.run("PRAGMA journal_mode = WAL");
      migrate(db, "ledger.db", migrations.slice(0, 2));
      db.run("UPDATE node SET id = ?", [nodeId]);
      db.run("INSERT INTO signed VALUES (?, 1, 2, ?)", [Buffer.from("c"), signed.root]);
      db.run("INSERT INTO subtree VALUES (1, 1, 0, ?)", [root(1)]);
      db.run("INSERT INTO damaged VALUES (1, 9)");
    }
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    expect(await store.nodeId()).toEqual(nodeId);
    expect(await store.signedHead("c")).toEqual(signed);
    expect(await store.subtreeRoots(1, 1, 0, 9)).toEqual(root(1));
    expect(await store.damaged(9)).toEqual([{ log: 1, sequence: 9 }]);
    expect(await store.roster()).toEqual([]);
    expect(await store.gossipIncarnation()).toBe(0);
    await store.commit({
      rows: [],
      heads: [],
      roster: { put: [sampleMember(1)], remove: [] },
      gossipIncarnation: 1,
    });
    expect(await store.roster()).toEqual([sampleMember(1)]);
    expect(await store.gossipIncarnation()).toBe(1);
    expect(await store.nodeId()).toEqual(nodeId);
    await store.close();
  });

  test("keeps its roster and incarnation when it is closed and opened", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const roster = { put: [sampleMember(1), sampleMember(2)], remove: [] };
    await store.commit({ rows: [], heads: [], roster, gossipIncarnation: 2 ** 31 });
    await store.close();
    const again = await openSqliteStore({ directory: directory.path, workerUrl });
    expect(await again.roster()).toEqual(roster.put);
    expect(await again.gossipIncarnation()).toBe(2 ** 31);
    await again.close();
    await expect(again.roster()).rejects.toMatchObject({ name: "StoreError", failure: "closed" });
    await expect(again.gossipIncarnation()).rejects.toMatchObject({ failure: "closed" });
  });

  test("of the second schema, in use by an older program, can be read beside it", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "ledger.db");
    using db = new Database(path, { create: true, strict: true });
    db.run("PRAGMA journal_mode = WAL");
    migrate(db, "ledger.db", migrations.slice(0, 2));
    const reader = new SqliteReader(path);
    expect(reader.nodeId().length).toBe(16);
    expect(() => reader.roster()).toThrow(StoreError);
    reader.close();
  });

  test("of the first schema is brought up to date with all it holds, and every context waits for its leaf", async () => {
    using directory = temporaryDirectory();
    const rows = sampleRows(1, 1, 300);
    {
      using db = new Database(join(directory.path, "ledger.db"), { create: true, strict: true });
      db.run("PRAGMA journal_mode = WAL");
      migrate(db, "ledger.db", migrations.slice(0, 1));
      const { log, latest, lamport, appendedAtNs, bytes, createdAtNs } = sampleHead(1, 300);
      const head = [Buffer.from("c"), log, latest, lamport, appendedAtNs, bytes, createdAtNs];
      db.run("INSERT INTO context VALUES (?, ?, ?, ?, ?, ?, ?)", head);
      for (const { sequence, key, contentHash, wire } of rows) {
        const row = [1, sequence, null, Buffer.from(key), contentHash, wire];
        db.run("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", row);
      }
      db.run("UPDATE totals SET contexts = 1, entries = 300, bytes = 4800, next_log = 2");
    }
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    expect(await store.head("c")).toEqual(sampleHead(1, 300));
    const wanted = rows.map(({ sequence, contentHash, wire }) => ({ sequence, contentHash, wire }));
    expect(await store.read({ ...wholeLog, log: 1 })).toEqual(wanted);
    expect((await store.contentHashes(1, 1, 999)).length).toBe(300 * 32);
    expect((await store.subtreeRoots(1, 1, 0, 9)).length).toBe(0);
    expect(await store.unlogged(9)).toEqual([{ contextId: "c", head: sampleHead(1, 300) }]);
    expect((await store.nodeId()).length).toBe(16);
    expect(await store.roster()).toEqual([]);
    expect((await append(store, "c", 1)).latest).toBe(301);
    expect(await store.totals()).toEqual({ contexts: 1, entries: 301, bytes: 4816 });
    await store.close();
  });
});

describe("contentHashes()", () => {
  test("stops at a missing row", () => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    open.commit(sampleAppend("c", undefined, open.newLog(), 9));
    open.db.run("DELETE FROM entry WHERE sequence = 4");
    const reader = new SqliteReader(open.paths.ledger);
    expect(reader.contentHashes(1, 1, 9)).toEqual(
      Buffer.concat(sampleRows(1, 1, 3).map(({ contentHash }) => contentHash)).subarray(),
    );
    expect(reader.contentHashes(1, 4, 9).length).toBe(0);
    expect(reader.contentHashes(1, 5, 9).length).toBe(5 * 32);
    reader.close();
  });

  test("reads nothing of large payloads: damage there does not stop it", async () => {
    using directory = temporaryDirectory();
    const store = await openSqliteStore({ directory: directory.path, workerUrl });
    const log = store.newLog();
    const wire = new Uint8Array(64 * 1024);
    wire.fill(0xab, 8192);
    const rows = sampleRows(log, 1, 20).map((row) => ({ ...row, wire }));
    await store.commit({ rows, heads: [{ contextId: "c", from: undefined, to: sampleHead(log, 20) }] });
    await store.close();
    expect(damageOverflowPages(join(directory.path, "ledger.db"), 0xab)).toBeGreaterThan(20);

    const again = await openSqliteStore({ directory: directory.path, workerUrl });
    const hashes = await again.contentHashes(log, 1, 20);
    expect(hashes).toEqual(Buffer.concat(rows.map(({ contentHash }) => contentHash)).subarray());
    const failure = await again.read({ ...wholeLog, log }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "StoreError", failure: "io" });
    await again.close();
  });
});

describe("what a crash left", () => {
  test("loses its subtrees and marks at the next start, before rows can take its place", () => {
    using directory = temporaryDirectory();
    const subtrees = (log: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ log, level: 1, index, root: root(index) }));
    const [kept, lost] = [1, 2];
    {
      using open = openWriter(directory.path);
      const commit = sampleAppend("c", undefined, open.newLog(), 300);
      open.commit({ ...commit, subtrees: subtrees(kept, 1) });
      const damage = [
        { log: kept, sequence: 300, damaged: true },
        { log: kept, sequence: 301, damaged: true },
        { log: lost, sequence: 1, damaged: true },
      ];
      const rows = [...sampleRows(kept, 301, 600), ...sampleRows(open.newLog(), 1, 600)];
      open.commit({ rows, heads: [], subtrees: [...subtrees(kept, 2), ...subtrees(lost, 2)], damage });
      expect(open.number("SELECT count(*) FROM subtree")).toBe(4);
      expect(open.number("SELECT count(*) FROM damaged")).toBe(3);
    }
    using open = openWriter(directory.path);
    const left = "SELECT group_concat(log || ':' || position) FROM subtree";
    expect(open.db.query(left).values()).toEqual([[`${kept}:0`]]);
    expect(open.number("SELECT count(*) FROM damaged")).toBe(1);
    const rows = sampleRows(kept, 301, 512, { key: "other" });
    open.commit({
      rows,
      heads: [{ contextId: "c", from: sampleHead(kept, 300), to: sampleHead(kept, 512) }],
    });
    while (open.writer.discardOrphans());
    expect(open.number("SELECT count(*) FROM entry")).toBe(512);
    expect(open.number("SELECT count(*) FROM subtree")).toBe(1);
  });
});

describe("the schema", () => {
  test.each([
    [
      "contexts that wait for the log of logs",
      "SELECT id, log FROM context WHERE logged = 0 AND id > x'' ORDER BY id LIMIT 9",
      "SEARCH context USING INDEX context_unlogged (id>?)",
    ],
    [
      "subtrees of one level",
      "SELECT root FROM subtree WHERE log = ? AND level = ? AND position >= ? ORDER BY position",
      "SEARCH subtree USING PRIMARY KEY (log=? AND level=? AND position>?)",
    ],
    [
      "ids in their order",
      "SELECT id FROM entry WHERE log = ? AND id >= ? ORDER BY id LIMIT 9",
      "SEARCH entry USING COVERING INDEX entry_by_id (log=? AND id>?)",
    ],
    [
      "the newest entry of a key",
      "SELECT wire FROM entry WHERE log = ? AND key = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1",
      "SEARCH entry USING INDEX entry_by_key (log=? AND key=? AND sequence<?)",
    ],
  ])("finds %s by one index, without sorting", (_name, sql, plan) => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    const statement = open.db.prepare(`EXPLAIN QUERY PLAN ${sql}`);
    expect(statement.values().map((row) => row[3])).toEqual([plan]);
    statement.finalize();
  });

  test("leaves the index of waiting contexts alone while a waiting context grows", () => {
    using directory = temporaryDirectory();
    using open = openWriter(directory.path);
    open.commit({ ...sampleAppend("c", undefined, open.newLog(), 1) });
    const moves = (sequence: number) => {
      const commit = sampleAppend("c", sampleHead(1, sequence - 1), 1, sequence);
      const before = open.wal.pendingBytes();
      open.commit(commit);
      return (open.wal.pendingBytes() - before) / 4096;
    };
    const waiting = moves(2);
    open.commit({ rows: [], heads: [], logged: [{ contextId: "c", size: 2 }] });
    expect(moves(3)).toBe(waiting + 1);
    expect(moves(4)).toBe(waiting);
    expect(open.number("SELECT count(*) FROM context WHERE logged = 0")).toBe(1);
  });
});

/** Overwrites the pages that hold nothing but `filler` after the number of the next page; returns how many. */
function damageOverflowPages(path: string, filler: number): number {
  const pageBytes = 4096;
  const file = readFileSync(path);
  let damaged = 0;
  for (let at = pageBytes; at < file.length; at += pageBytes) {
    const page = file.subarray(at, at + pageBytes);
    if (page.subarray(4).some((byte) => byte !== filler)) continue;
    page.fill(0xff);
    damaged += 1;
  }
  writeFileSync(path, file);
  return damaged;
}
