import type { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataPaths } from "../../src/store/data-directory.ts";
import { openLedger } from "../../src/store/open-ledger.ts";
import { queryOnce } from "../../src/store/query-once.ts";
import { SqliteReader } from "../../src/store/sqlite-reader.ts";
import { RecordedDisk } from "../support/power-loss/recorded-disk.ts";
import { canRecord, type DiskRecord, recordWrites } from "../support/power-loss/recorder.ts";
import { archivesAfter, commitsPerSession, contextIds, latestAfter, sessions } from "./power-loss-program.ts";
import { sampleReplica } from "./sample-replicas.ts";
import { sampleHead, sampleMember, sampleRow } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const timeoutMs = 60_000;
const commits = commitsPerSession * sessions;

describe.skipIf(!canRecord)("after a power failure (needs Linux and gcc)", () => {
  test(
    "every acknowledged commit is there, and none in part",
    async () => {
      const { records, losses } = await failPower({ synchronous: "FULL", randomCuts: 80 });
      expect(records.filter(({ operation }) => operation === "M").length).toBe(commits);
      expect(records.filter(({ operation }) => operation === "E").length).toBeGreaterThan(commits);
      expect(losses).toEqual([]);
    },
    timeoutMs,
  );

  test.each([
    ["without syncs", { synchronous: "OFF", fakeSync: false }],
    ["on a disk that only says it has synced", { synchronous: "FULL", fakeSync: true }],
  ] as const)(
    "commits are lost %s, and the check above sees it",
    async (_name, options) => {
      const { losses } = await failPower({ ...options, randomCuts: 5 });
      expect(losses.length).toBeGreaterThan(commits);
    },
    timeoutMs,
  );
});

interface PowerFailure {
  readonly synchronous: "FULL" | "OFF";
  readonly fakeSync?: boolean;
  /** Moments beside those right after each acknowledgement. */
  readonly randomCuts: number;
}

/** Records one run of the program, cuts the power at many moments and returns what was wrong afterwards. */
async function failPower(options: PowerFailure): Promise<{ records: DiskRecord[]; losses: string[] }> {
  using scratch = temporaryDirectory();
  const directory = join(scratch.path, "ledger");
  mkdirSync(directory);
  const program = join(import.meta.dir, "power-loss-program.ts");
  const command = [process.execPath, program, directory, options.synchronous];
  const fakeSync = options.fakeSync ?? false;
  const records = await recordWrites({ scratch: scratch.path, directory, command, fakeSync });

  const random = seededRandom(7);
  const cuts = new Set(
    Array.from({ length: options.randomCuts }, () => Math.floor(random() * records.length)),
  );
  const disk = new RecordedDisk();
  const losses: string[] = [];
  const left = join(scratch.path, "left");
  for (const [index, record] of records.entries()) {
    disk.apply(record);
    if (record.operation !== "M" && !cuts.has(index)) continue;
    for (const share of [0, 0.5, 0.9, 1]) {
      writeFiles(
        left,
        disk.files(() => random() < share),
      );
      const wrong = problemIn(left, disk.marked);
      if (wrong !== undefined) losses.push(`record ${index}, ${share} of unsynced work kept: ${wrong}`);
    }
  }
  return { records, losses };
}

function writeFiles(directory: string, files: Map<string, Uint8Array>): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const [name, content] of files) writeFileSync(join(directory, name), content);
}

/** Opens what is left as the store does and returns what is wrong with it, if anything is. */
function problemIn(directory: string, acknowledged: number): string | undefined {
  const paths = dataPaths(directory);
  try {
    using ledger = openLedger(paths, { expectExisting: acknowledged > 0 });
    const reader = new SqliteReader(ledger.filename);
    try {
      return problemWith(reader, acknowledged) ?? problemWithArchives(reader, ledger);
    } finally {
      reader.close();
    }
  } catch (error) {
    return String(error);
  }
}

function problemWith(reader: SqliteReader, acknowledged: number): string | undefined {
  const latest = reader.head(contextIds[0] ?? "")?.latest ?? 0;
  if (latest < latestAfter(acknowledged))
    return `${latest} entries, of ${latestAfter(acknowledged)} acknowledged`;
  const expected = contextIds.map((contextId, index) => ({ contextId, head: sampleHead(index + 1, latest) }));
  const listed = reader.list({ prefix: "", startAfter: "", limit: 10 });
  if (!Bun.deepEquals(listed, latest === 0 ? [] : expected)) return "the contexts are not of one commit";
  const totals = {
    contexts: listed.length,
    entries: latest * listed.length,
    bytes: latest * listed.length * 16,
  };
  if (!Bun.deepEquals(reader.totals(), totals)) return "the totals are not of the same commit";
  const roster = latest === 0 ? [] : [sampleMember(latest)];
  if (!Bun.deepEquals(reader.roster(), roster)) return "the roster is not of the same commit";
  if (reader.gossipIncarnation() !== latest) return "the incarnation is not of the same commit";
  for (const { head } of listed) {
    const rows = reader.read({
      log: head.log,
      after: 0,
      through: 2 ** 50,
      entriesMax: 10_000,
      bytesMax: 2 ** 30,
    });
    const wanted = rows.map(({ sequence }, index) => {
      const { contentHash, wire } = sampleRow(head.log, index + 1, { wireBytes: 300 });
      return { sequence: sequence === index + 1 ? sequence : -1, contentHash, wire };
    });
    if (rows.length !== latest || !Bun.deepEquals(rows, wanted)) return `log ${head.log} has other rows`;
  }
  return undefined;
}

/** Holds replica, archives and their rows against those of the commit that the file ends with. */
function problemWithArchives(reader: SqliteReader, db: Database): string | undefined {
  const latest = reader.head(contextIds[0] ?? "")?.latest ?? 0;
  const number = Array.from({ length: commits + 1 }, (_, each) => each).find(
    (each) => latestAfter(each) === latest,
  );
  if (number === undefined) return `no commit ends with ${latest} entries`;
  const replicas = latest === 0 ? [] : [sampleReplica(contextIds[0] ?? "", latest)];
  if (!Bun.deepEquals(reader.replicas("", 9), replicas)) return "the replica is not of the same commit";
  const archives = reader.archives(undefined, 99);
  if (!Bun.deepEquals(archives, archivesAfter(number)))
    return `the archives are not those of commit ${number}`;
  for (const { log, first, last } of archives) {
    const rows = reader.read({ log, after: 0, through: 2 ** 50, entriesMax: 10_000, bytesMax: 2 ** 30 });
    const wanted = Array.from({ length: last - first + 1 }, (_, index) => {
      const { sequence, contentHash, wire } = sampleRow(1, first + index, { wireBytes: 300 });
      return { sequence, contentHash, wire };
    });
    if (!Bun.deepEquals(rows, wanted)) return `archive ${log} has other rows`;
  }
  const known = "SELECT log FROM context UNION SELECT log FROM archive UNION SELECT log FROM staging";
  const strays = Number(queryOnce(db, `SELECT count(*) FROM entry WHERE log NOT IN (${known})`)[0]?.[0]);
  return strays === 0 ? undefined : `${strays} rows that nobody will discard`;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
