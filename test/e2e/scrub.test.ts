/** Bytes that change in the ledger file while nobody looks: found, reported, kept from readers, and forgotten once they are back. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf, errorOf, type Json } from "../support/interop-client.ts";
import { scrape } from "../support/scrape.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const service = "converge.context.v1.ContextService";
const contextId = "to be damaged";
const count = 20;
const damaged = 7;

const payloadOf = (sequence: number): string => `what was remembered, number ${sequence} of them`;

test("a byte that is flipped in the file is found by the scrub, and only its entry is lost until it is back", async () => {
  using directory = temporaryDirectory();
  const data = directory.path;
  {
    await using server = await startServerProcess({ data });
    for (const context of ["another", contextId, "one more"])
      for (let sequence = 1; sequence <= count; sequence += 1)
        await append(
          server,
          context,
          `${context}: ${payloadOf(sequence)}`,
          sequence % 2 === 0 ? "even" : "odd",
        );
    await stopped(server);
  }
  const flip = flipIn(join(data, "ledger.db"), `${contextId}: ${payloadOf(damaged)}`);
  flip();
  {
    await using server = await startServerProcess({ data, flags: ["--scrub-rate", "100000"] });
    await until("the scrub has found it", async () =>
      (await readyz(server)).includes("[!]integrity degraded: "),
    );
    await tellsOfDamage(server);
    const { members } = await answerOf(
      fetchClient(server.url),
      "converge.ledger.v1.MembershipService/Members",
      {},
    );
    expect(members).toMatchObject([{ readOnly: true }]);
    await keepsItFromReaders(server);
    expect(await answerOf(fetchClient(server.url), "grpc.health.v1.Health/Check", {})).toEqual({
      status: "SERVING",
    });
    const line = await until("it is in the log", () =>
      server
        .stderr()
        .split("\n")
        .find((each) => each.includes("damage in the storage")),
    );
    expect(JSON.parse(line)).toMatchObject({
      level: "error",
      contextId,
      entries: 1,
      sequence: damaged,
      detail: "its bytes do not have the hash stored beside it",
    });
    await append(server, contextId, "more", "odd");
    await stopped(server);
  }
  {
    // Without a scrub the marks of the last run count.
    await using server = await startServerProcess({ data, flags: ["--scrub-rate", "0"] });
    await until("the mark is known", async () => (await readyz(server)).includes("[!]integrity degraded: "));
    await keepsItFromReaders(server);
    await stopped(server);
  }
  flip();
  {
    await using server = await startServerProcess({ data, flags: ["--scrub-rate", "100000"] });
    await until("the scrub has seen that it is back", async () =>
      (await readyz(server)).includes("[+]integrity ok\n"),
    );
    expect(await sequencesOf(server, {})).toEqual(range(1, count + 1));
  }
});

/** Returns what flips a bit of a text that occurs once in a file. */
function flipIn(path: string, text: string): () => void {
  const at = readFileSync(path).indexOf(text);
  expect(at).toBeGreaterThan(0);
  expect(readFileSync(path).indexOf(text, at + 1)).toBe(-1);
  return () => {
    const file = readFileSync(path);
    file[at + 3] = (file[at + 3] ?? 0) ^ 0x10;
    writeFileSync(path, file);
  };
}

async function tellsOfDamage(server: ServerProcess): Promise<void> {
  const response = await fetch(`${server.url}/readyz`);
  expect([response.status, await response.text()]).toEqual([
    200,
    expect.stringMatching(/^\[!\]integrity degraded: 1 place in the storage damaged, see the log$/m),
  ]);
  const verbose = await fetch(`${server.url}/readyz?verbose`);
  expect(await verbose.json()).toMatchObject({ ready: true, degraded: true });
  const metrics = await scrape(server.url);
  expect(metrics.value("converge_ledger_scrub_damaged")).toBe(1);
  await until(
    "a whole walk was counted",
    async () => (await scrape(server.url)).value("converge_ledger_scrub_passes_total") > 0,
  );
  expect((await scrape(server.url)).value("converge_ledger_scrub_entries_total")).toBeGreaterThanOrEqual(
    3 * count,
  );
}

async function keepsItFromReaders(server: ServerProcess): Promise<void> {
  const http = fetchClient(server.url);
  const total = (await sequencesOf(server, { afterSequence: String(damaged) })).at(-1) ?? 0;
  expect(await sequencesOf(server, { afterSequence: String(damaged) })).toEqual(range(damaged + 1, total));
  expect(await sequencesOf(server, { limit: damaged - 1 })).toEqual(range(1, damaged - 1));
  for (const request of [{}, { afterSequence: String(damaged - 1), limit: 1 }, { key: "odd" }]) {
    const error = await errorOf(http, `${service}/Get`, { contextId, ...request });
    expect([error.code, error.message]).toEqual([
      "DATA_LOSS",
      expect.stringContaining(`the entry at sequence ${damaged} is damaged`),
    ]);
  }
  expect((await errorOf(http, `${service}/Snapshot`, { contextId })).code).toBe("DATA_LOSS");
  const before = await watched(server, 0);
  expect(sequencesIn(before)).toEqual(range(1, damaged - 1));
  expect(before).toContain('"code":"data_loss"');
  expect(sequencesIn(await watched(server, damaged, total))).toEqual(range(damaged + 1, total));
}

async function sequencesOf(server: ServerProcess, request: Json): Promise<number[]> {
  const answer = await answerOf(fetchClient(server.url), `${service}/Get`, { contextId, ...request });
  return ((answer["entries"] ?? []) as { sequence: string }[]).map(({ sequence }) => Number(sequence));
}

/** Returns what a watch sends until it ends, or until it has sent the entry at `through`. */
async function watched(server: ServerProcess, fromSequence: number, through = Infinity): Promise<string> {
  const body = Buffer.from(JSON.stringify({ contextId, fromSequence: String(fromSequence) }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  const response = await fetch(`${server.url}/${service}/Watch`, {
    method: "POST",
    headers: { "content-type": "application/connect+json" },
    body: Buffer.concat([head, body]),
  });
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString("latin1");
    if (sequencesIn(text).includes(through)) break;
  }
  return text;
}

function sequencesIn(text: string): number[] {
  return [...text.matchAll(/"sequence":"(\d+)","appendedAtNs"/g)].map(([, digits]) => Number(digits));
}

async function append(server: ServerProcess, context: string, text: string, key: string): Promise<void> {
  await answerOf(fetchClient(server.url), `${service}/Append`, {
    contextId: context,
    key,
    payload: btoa(text),
  });
}

async function readyz(server: ServerProcess): Promise<string> {
  return (await fetch(`${server.url}/readyz`)).text();
}

async function stopped(server: ServerProcess): Promise<void> {
  server.signal("SIGTERM");
  expect(await within("the end", server.exited)).toBe(0);
}

function range(from: number, through: number): number[] {
  return Array.from({ length: through - from + 1 }, (_, i) => from + i);
}
