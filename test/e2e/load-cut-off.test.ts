/** Loads that are cut off in the middle, at the level of the executable: nothing of them is seen, and nothing stays. */

import { create, toBinary } from "@bufbuild/protobuf";
import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import { join } from "node:path";
import { LoadStreamRequestSchema } from "../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { canMount, mountTmpfs } from "../store/tmpfs.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf } from "../support/interop-client.ts";
import { snapshotOfEntries } from "../support/ledger-snapshot.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const path = "/converge.ledger.v1.LedgerService/LoadStream";
const contextId = "loaded";
const entries = 12_000;
const snapshot = snapshotOfEntries(
  { contextId },
  Array.from({ length: entries }, (_, i) => ({
    id: `id ${i}`,
    key: "k",
    payload: crypto.getRandomValues(new Uint8Array(300)),
    sequence: i + 1,
    appendedAtNs: 1n,
    metadata: [],
    lamport: 0n,
  })),
).bytes;

/** A call whose request has begun and does not go on. */
interface Cut {
  cut(): void;
}

/** Sends most of the snapshot, but not its end. */
const halfLoads: readonly [name: string, begin: (server: ServerProcess) => Cut][] = [
  [
    "Connect",
    ({ httpPort }) => {
      const headers = { "content-type": "application/connect+proto" };
      const request = http.request({ host: "127.0.0.1", port: httpPort, path, method: "POST", headers });
      request.on("error", () => {});
      for (const message of messages(0.9)) request.write(message);
      return { cut: () => request.destroy() };
    },
  ],
  [
    "gRPC",
    ({ grpc }) => {
      const session = http2.connect(`http://${grpc}`);
      session.on("error", () => {});
      const headers = {
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      };
      const stream = session.request(headers);
      stream.on("error", () => {});
      for (const message of messages(0.9)) stream.write(message);
      return { cut: () => session.destroy() };
    },
  ],
];

test.each(halfLoads)(
  "a client of %s that goes away in the middle of LoadStream leaves nothing, however often",
  async (_name, begin) => {
    await using server = await startServerProcess();
    await appendOne(server);
    const pages: number[] = [];
    for (let time = 0; time < 4; time += 1) {
      const half = begin(server);
      await until("rows are staged", () => rowsOf(server.data) > 5000);
      expect(await totalsOf(server)).toEqual({ contexts: ["other"], entries: 1 });
      half.cut();
      await until("the rows are deleted", () => rowsOf(server.data) === 1);
      expect(await totalsOf(server)).toEqual({ contexts: ["other"], entries: 1 });
      pages.push(pagesOf(server.data));
    }
    // What one took is used again by the next.
    expect(pages.at(-1)).toBeLessThan(1.5 * (pages[0] ?? 0));
    await loadWhole(server);
    expect(rowsOf(server.data)).toBe(1 + entries);
  },
);

test("a load that kill -9 cut off is not there after the restart, and can be repeated", async () => {
  using directory = temporaryDirectory();
  const pages: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    await using server = await startServerProcess({ data: directory.path });
    if (time === 0) await appendOne(server);
    await until("the rows of the load before are deleted", () => rowsOf(server.data) === 1);
    expect(await totalsOf(server)).toEqual({ contexts: ["other"], entries: 1 });
    pages.push(pagesOf(server.data));
    for (const [, begin] of halfLoads.slice(0, 1)) begin(server);
    await until("rows are staged", () => rowsOf(server.data) > 5000);
    await server.kill();
  }
  await using server = await startServerProcess({ data: directory.path });
  await until("the rows of the load before are deleted", () => rowsOf(server.data) === 1);
  expect(pagesOf(server.data)).toBeLessThan(1.5 * (pages[1] ?? 0));
  await loadWhole(server);
  expect(rowsOf(server.data)).toBe(1 + entries);
});

test.skipIf(!canMount)(
  "a load that fills the disk is refused and leaves nothing once there is space (needs the right to mount)",
  async () => {
    // Without the ballast there is room for the write-ahead log and for what is copied from it.
    using tmpfs = mountTmpfs(24 * 1024);
    const ballast = join(tmpfs?.path ?? "", "ballast");
    writeFileSync(ballast, new Uint8Array(20 * 1024 * 1024));
    await using server = await startServerProcess({ data: join(tmpfs?.path ?? "", "ledger") });
    await appendOne(server);
    expect(await load(server)).toContain("disk is full");
    expect(await totalsOf(server)).toEqual({ contexts: ["other"], entries: 1 });
    rmSync(ballast);
    await until("the rows are deleted", () => rowsOf(server.data) === 1);
    expect(await totalsOf(server)).toEqual({ contexts: ["other"], entries: 1 });
    await until("appends are taken", async () => await appendOne(server));
    expect(await totalsOf(server)).toEqual({ contexts: ["other"], entries: 2 });
  },
);

/** The messages of a LoadStream that carry this part of the snapshot. */
function messages(part: number): Uint8Array[] {
  const bytes = snapshot.subarray(0, Math.floor(snapshot.length * part));
  const requests = [create(LoadStreamRequestSchema, { options: { contextId } })];
  for (let start = 0; start < bytes.length; start += 65_536)
    requests.push(create(LoadStreamRequestSchema, { chunk: bytes.subarray(start, start + 65_536) }));
  return requests.map((request) => {
    const message = toBinary(LoadStreamRequestSchema, request);
    const framed = Buffer.alloc(5 + message.length);
    framed.writeUInt32BE(message.length, 1);
    framed.set(message, 5);
    return framed;
  });
}

async function loadWhole(server: ServerProcess): Promise<void> {
  expect(await load(server)).not.toContain("error");
  expect(await totalsOf(server)).toEqual({ contexts: [contextId, "other"], entries: 1 + entries });
}

/** Loads the whole snapshot and returns the answer as text. */
async function load(server: ServerProcess): Promise<string> {
  const body = Buffer.concat(messages(1));
  const headers = { "content-type": "application/connect+proto" };
  return await (await fetch(`${server.url}${path}`, { method: "POST", headers, body })).text();
}

async function appendOne(server: ServerProcess): Promise<boolean> {
  const append = { contextId: "other", key: "k", payload: btoa("payload") };
  return (
    (await fetchClient(server.url).call("converge.context.v1.ContextService/Append", append)).error ===
    undefined
  );
}

async function totalsOf(server: ServerProcess): Promise<{ contexts: string[]; entries: number }> {
  const listed = await answerOf(fetchClient(server.url), "converge.ledger.v1.LedgerService/ListContexts", {});
  const contexts = listed["contexts"] as { contextId: string; latestSequence: string }[];
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const entriesNow = Number(/^converge_ledger_entries (\d+)$/m.exec(metrics)?.[1]);
  return { contexts: contexts.map((context) => context.contextId), entries: entriesNow };
}

/** Counts the rows of entries in the file, also of those that no client can see. */
function rowsOf(data: string): number {
  return numberOf(data, "SELECT count(*) FROM entry WHERE key = CAST('k' AS BLOB)");
}

/** Pages of the file, those that are free and those in the write-ahead log included. */
function pagesOf(data: string): number {
  return numberOf(data, "PRAGMA page_count");
}

function numberOf(data: string, query: string): number {
  using db = new Database(join(data, "ledger.db"), { readonly: true });
  return Number(db.query(query).values()[0]?.[0]);
}
