import { constants, Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, statSync } from "node:fs";
import { encodeEntry } from "../../../src/core/entry-wire.ts";
import { contentHash } from "../../../src/core/entry.ts";
import { leafHash } from "../../../src/core/tlog/evidence.ts";
import { headRecord } from "../../../src/core/tlog/head-record.ts";
import type { DataStep } from "../../../src/server/offline/verify-data.ts";
import { verifyData } from "../../../src/server/offline/verify-data.ts";
import { openSqliteStore } from "../../../src/store/sqlite-store.ts";
import { FaultyStore } from "../../support/ledger-store.ts";
import { append, appendMany, hasher, ledgerWorld } from "../../support/ledger-world.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../store/temporary-directory.ts";

const workerUrl = new URL("../../../src/store/writer-worker.ts", import.meta.url);
let made: TemporaryDirectory;

beforeAll(async () => {
  made = temporaryDirectory();
  const store = await openSqliteStore({ directory: `${made.path}/data`, workerUrl });
  const { ledger } = ledgerWorld({ store: new FaultyStore(store) });
  await appendMany(ledger, "long", 300);
  await append(ledger, "é/short", { payload: "one" });
  await ledger.updateNodeLog();
  await append(ledger, "é/short", {
    payload: "two",
    key: "other",
    metadata: [["a", "b"]],
    idempotencyKey: "k",
  });
  await ledger.updateNodeLog();
  await ledger.integrity.checkpoint({ kind: "context", contextId: "long" });
  await append(ledger, "long", { payload: "after the checkpoint" });
  await store.close();
});

afterAll(() => made[Symbol.dispose]());

describe("verifyData()", () => {
  test("finds nothing wrong in what a ledger wrote, and changes nothing", async () => {
    using copy = copied();
    const before = listing(copy.path);
    const steps = await verify(copy.path);
    expect(damageOf(steps)).toEqual([]);
    expect(steps.filter(({ kind }) => kind === "log").map(sizeOf)).toEqual([
      "long 301",
      "é/short 2",
      "node 3",
    ]);
    expect(steps.at(-1)).toEqual({ kind: "result", contexts: 2, entries: 303, damaged: 0 });
    expect(steps.findLast(({ kind }) => kind === "progress")).toEqual({
      kind: "progress",
      verified: 306,
      total: 306,
    });
    expect(listing(copy.path)).toEqual(before);
  });

  test.each<[string, string, readonly string[]]>([
    [
      "bytes of an entry",
      "UPDATE entry SET wire = CAST(substr(wire, 1, length(wire) - 1) || x'7f' AS BLOB) WHERE sequence = 150",
      ["long 150"],
    ],
    [
      "the hash of an entry",
      "UPDATE entry SET content_hash = zeroblob(32) WHERE sequence = 2 AND key = CAST('other' AS BLOB)",
      ["é/short 2", "node 3"],
    ],
    ["an entry that is gone", "DELETE FROM entry WHERE sequence = 120", ["long 120"]],
    ["the last entry that is gone", "DELETE FROM entry WHERE sequence = 301", ["long 301"]],
    ["the key an entry is found by", "UPDATE entry SET key = x'78' WHERE sequence = 7", ["long 7"]],
    ["a node of a tree", "UPDATE subtree SET root = zeroblob(32)", ["long 0"]],
    [
      "the bytes of a head",
      "UPDATE context SET bytes = bytes + 1 WHERE id = CAST('long' AS BLOB)",
      ["long 0", "file 0"],
    ],
    ["the clock of a head", "UPDATE context SET lamport = 0 WHERE id = CAST('long' AS BLOB)", ["long 0"]],
    [
      "the size of a head",
      "UPDATE context SET latest = 299 WHERE id = CAST('long' AS BLOB)",
      ["long 0", "node 1", "file 0"],
    ],
    [
      "a signed root",
      "UPDATE signed SET root = zeroblob(32) WHERE context = CAST('long' AS BLOB)",
      ["long 0"],
    ],
    ["a signed size", "UPDATE signed SET size = 1000 WHERE context = CAST('long' AS BLOB)", ["long 0"]],
    [
      "a context that is gone",
      "DELETE FROM context WHERE id = CAST('long' AS BLOB)",
      ["node 1", "long 0", "file 0"],
    ],
    ["the log of logs that is gone", "DELETE FROM context WHERE id = x''", ["node 0"]],
    ["the sum of all entries", "UPDATE totals SET entries = 5", ["file 0"]],
    ["the id an entry is found by", "UPDATE entry SET id = x'78' WHERE id IS NOT NULL", ["é/short 2"]],
  ])("finds %s", async (_, sql, expected) => {
    using copy = copied();
    tamper(copy.path, (db) => db.run(sql));
    const steps = await verify(copy.path);
    const places = new Set(damageOf(steps).map(({ log, sequence }) => `${nameOf(log)} ${sequence}`));
    expect([...places].sort()).toEqual(expected.toSorted());
    expect(steps.at(-1)).toMatchObject({ kind: "result", damaged: damageOf(steps).length });
  });

  test("finds history that was rewritten with new hashes, by what was signed and by the log of logs", async () => {
    using copy = copied();
    tamper(copy.path, (db) => {
      const entry = {
        id: "forged",
        key: "facts",
        payload: new TextEncoder().encode("p1"),
        sequence: 1,
        appendedAtNs: 1n,
        metadata: [],
        lamport: 1n,
      };
      db.run(
        "UPDATE entry SET wire = ?, content_hash = ? WHERE sequence = 1 AND log = (SELECT log FROM context WHERE id = ?)",
        [encodeEntry(entry), contentHash("long", entry, hasher), Buffer.from("long")],
      );
    });
    const found = damageOf(await verify(copy.path)).map(
      ({ log, sequence, detail }) => `${nameOf(log)} ${sequence} ${detail}`,
    );
    expect(found).toContainEqual(
      expect.stringContaining("long 0 the first 300 entries do not have the root that was signed"),
    );
    expect(found).toContainEqual(
      expect.stringContaining('node 1 it says that context "long" had 300 entries with the root'),
    );
    expect(found).toContainEqual(expect.stringContaining("long 0 the tree's node 0 on level 1"));
  });

  test("finds a forged record in the log of logs", async () => {
    using copy = copied();
    tamper(copy.path, (db) => {
      const record = headRecord({ contextId: "long", generation: 1, size: 300, root: new Uint8Array(32) });
      db.run(
        "UPDATE entry SET wire = ?, content_hash = ? WHERE sequence = 1 AND log = (SELECT log FROM context WHERE id = x'')",
        [record, leafHash(record, hasher)],
      );
    });
    const found = damageOf(await verify(copy.path));
    expect(found).toContainEqual(
      expect.objectContaining({
        log: { kind: "node" },
        sequence: 1,
        detail: expect.stringContaining("their root is"),
      }),
    );
    expect(found).toContainEqual(
      expect.objectContaining({
        log: { kind: "node" },
        sequence: 0,
        detail: expect.stringContaining("was signed"),
      }),
    );
  });

  test("finds an index that does not fit its table", async () => {
    using copy = copied();
    const { bytes, start, pageBytes } = await pageOf(copy.path, "entry_by_id");
    // An id is at the end of its cell, and the only cell at the end of its page.
    bytes[start + pageBytes - 8] = (bytes[start + pageBytes - 8] ?? 0) ^ 1;
    await Bun.write(`${copy.path}/ledger.db`, bytes);
    const steps = await verify(copy.path);
    expect(damageOf(steps)).toContainEqual(
      expect.objectContaining({ log: { kind: "file" }, detail: expect.stringContaining("entry_by_id") }),
    );
  });

  test("goes on where a page of the file cannot be read", async () => {
    using copy = copied();
    await overwritePage(copy.path, "entry");
    const steps = await verify(copy.path);
    expect(damageOf(steps).length).toBeGreaterThan(0);
    expect(steps.at(-1)).toMatchObject({ kind: "result", contexts: 2 });
  });
});

async function verify(directory: string): Promise<DataStep[]> {
  return await Array.fromAsync(verifyData(directory, hasher));
}

type Damage = Extract<DataStep, { kind: "damage" }>;

function damageOf(steps: readonly DataStep[]): Damage[] {
  return steps.filter((step) => step.kind === "damage");
}

function sizeOf(step: DataStep): string {
  return step.kind === "log" ? `${nameOf(step.log)} ${step.size}` : "";
}

function nameOf(log: Damage["log"]): string {
  return log.kind === "context" ? log.contextId : log.kind;
}

interface Copy extends Disposable {
  readonly path: string;
}

function copied(): Copy {
  const directory = temporaryDirectory();
  cpSync(`${made.path}/data`, `${directory.path}/data`, { recursive: true });
  return { path: `${directory.path}/data`, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

/** Changes the ledger file of a directory as another program would, and leaves no write-ahead log. */
function tamper(directory: string, change: (db: Database) => void): void {
  const db = new Database(`${directory}/ledger.db`, { readwrite: true });
  db.run("PRAGMA journal_mode = DELETE");
  change(db);
  db.run("PRAGMA journal_mode = WAL");
  db.close();
}

/** Writes noise over the first page of rows of a large table. */
async function overwritePage(directory: string, table: string): Promise<void> {
  const { bytes, start, pageBytes } = await pageOf(directory, table);
  // The root is an interior page, whose header ends with the number of a page of rows.
  const leaf = new DataView(bytes.buffer).getUint32(start + 8);
  bytes.fill(0x5a, (leaf - 1) * pageBytes, leaf * pageBytes);
  await Bun.write(`${directory}/ledger.db`, bytes);
}

interface Page {
  /** Of the whole file. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly pageBytes: number;
}

/** Finds the root page of a table or index. */
async function pageOf(directory: string, name: string): Promise<Page> {
  const db = new Database(
    `file:${directory}/ledger.db?immutable=1`,
    constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI,
  );
  const row = db
    .query<{ rootpage: number }, [string]>("SELECT rootpage FROM sqlite_schema WHERE name = ?")
    .get(name);
  db.close();
  const bytes = await Bun.file(`${directory}/ledger.db`).bytes();
  const pageBytes = new DataView(bytes.buffer).getUint16(16);
  return { bytes, pageBytes, start: ((row?.rootpage ?? 1) - 1) * pageBytes };
}

function listing(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .map(
      (name) =>
        `${name} ${statSync(`${directory}/${name}`).mtimeMs} ${new Bun.CryptoHasher("sha256").update(readFileSync(`${directory}/${name}`)).digest("hex")}`,
    );
}
