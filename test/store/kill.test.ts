import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { queryOnce } from "../../src/store/query-once.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { sampleReplica } from "./sample-replicas.ts";
import { sampleHead, sampleMember, sampleRow, sequencesOf, workerUrl } from "./sample-rows.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const rounds = 8;

test("a process killed in the middle of commits loses none that it acknowledged, and keeps none in part", async () => {
  using directory = temporaryDirectory();
  for (let round = 0; round < rounds; round += 1) {
    const acknowledged = await appendUntilKilled(directory.path, 3 + round * 5);
    const latest = await checkLedger(directory.path);
    expect(latest).toBeGreaterThanOrEqual(acknowledged);
  }
}, 120_000);

/** Returns the last length the child acknowledged before it was killed, after `lines` acknowledgements. */
async function appendUntilKilled(directory: string, lines: number): Promise<number> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "child-appender.ts"), directory], {
    stdout: "pipe",
    stderr: "inherit",
  });
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.split("\n").length > lines) child.kill("SIGKILL");
  }
  await child.exited;
  const complete = text.split("\n").slice(0, -1);
  expect(complete.length).toBeGreaterThanOrEqual(lines);
  return Number(complete.at(-1));
}

/** Opens the ledger, checks all of it and returns the common length of its three contexts. */
async function checkLedger(directory: string): Promise<number> {
  const store = await openSqliteStore({ directory, workerUrl });
  const contexts = await store.list({ prefix: "", startAfter: "", limit: 10 });
  expect(contexts.map(({ contextId }) => contextId)).toEqual(["a", "b", "c"]);
  const latest = contexts[0]?.head.latest ?? 0;
  for (const { head } of contexts) {
    expect(head).toEqual(sampleHead(head.log, latest));
    expect(await sequencesOf(store, head.log)).toEqual(Array.from({ length: latest }, (_, i) => i + 1));
    const [last] = await store.read({
      log: head.log,
      after: latest - 1,
      through: latest,
      entriesMax: 1,
      bytesMax: 1,
    });
    expect(last?.wire).toEqual(sampleRow(head.log, latest, { wireBytes: 200 }).wire);
    const newest = Math.floor(latest / 256) - 1;
    const subtree = newest < 0 ? [] : Array.from({ length: 32 }, () => newest);
    expect([...(await store.subtreeRoots(head.log, 1, Math.max(0, newest), 9))]).toEqual(subtree);
  }
  for (const { contextId } of contexts) expect((await store.signedHead(contextId))?.size).toBe(latest);
  expect(await store.unlogged(10)).toEqual([]);
  expect(await store.roster()).toEqual([sampleMember(latest)]);
  expect(await store.gossipIncarnation()).toBe(latest);
  expect(await store.totals()).toEqual({ contexts: 3, entries: 3 * latest, bytes: 3 * latest * 16 });
  expect(await store.replicas("", 9)).toEqual([sampleReplica("a", latest)]);
  const archives = await store.archives(undefined, 9);
  expect(archives.length).toBeLessThanOrEqual(1);
  let archived = 0;
  for (const { log, first, last } of archives) {
    archived += last - first + 1;
    expect(await sequencesOf(store, log)).toEqual(Array.from({ length: archived }, (_, i) => first + i));
  }
  await waitUntilTidy(join(directory, "ledger.db"), 3 * latest + archived);
  expect(subtreesOfNobody(join(directory, "ledger.db"))).toBe(0);
  await store.close();
  return latest;
}

/** Returns how many subtrees belong to logs that no head names. */
function subtreesOfNobody(path: string): number {
  using db = new Database(path, { readonly: true });
  const sql = "SELECT count(*) FROM subtree WHERE log NOT IN (SELECT log FROM context)";
  return Number(queryOnce(db, sql)[0]?.[0]);
}

/** Waits until the rows that no head covers are gone; the test's time limit ends a wait in vain. */
async function waitUntilTidy(path: string, entries: number): Promise<void> {
  using db = new Database(path, { readonly: true });
  const left = () =>
    Number(queryOnce(db, "SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM staging)")[0]?.[0]);
  while (left() !== entries) await Bun.sleep(5);
}
