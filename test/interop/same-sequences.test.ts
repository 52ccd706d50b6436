/**
 * Clients of many makes append to one context, and each of them reads the same entries: the same ids, sequences,
 * times and hashes, by Get and by Watch.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { clientKinds, grpcJs } from "../support/client-kinds.ts";
import { curlFeatures, curlGet } from "../support/curl-client.ts";
import { eventSource } from "../support/event-source.ts";
import { answerOf, answersOf, type InteropClient, type Json } from "../support/interop-client.ts";
import { expectedEntryHash } from "../support/expected-entry-hash.ts";
import { needs } from "../support/open-clients.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const contextId = "interop/ünïcode 🐝";
const append = "converge.context.v1.ContextService/Append";
const get = "converge.context.v1.ContextService/Get";
const watch = "converge.context.v1.ContextService/Watch";
const batch = "converge.ledger.v1.LedgerService/AppendBatch";

const usable = clientKinds.filter(({ lacks }) => lacks === undefined);
const clients = new Map<string, InteropClient>();
const hasCurl = (await curlFeatures()).length > 0;
let server: ServerProcess;
const receivedLamport = 1_000_000_000_001n;
/** Entries as their appends answered them, by sequence. */
const answered = new Map<string, Json>();

beforeAll(async () => {
  server = await startServerProcess();
  for (const kind of usable) clients.set(kind.name, await kind.open(server));
  await Promise.all(usable.map(({ name }) => appendThree(name)));
});

afterAll(async () => {
  await Promise.all([...clients.values()].map((client) => client[Symbol.asyncDispose]()));
  await server[Symbol.asyncDispose]();
});

/** Appends one entry with everything in it, one with little, and one by idempotency key, twice. */
async function appendThree(name: string): Promise<void> {
  const client = clientOf(name);
  const bytes = new Uint8Array(300).map((_, i) => i % 256);
  const requests: Json[] = [
    { contextId, key: "facts", payload: bytes.toBase64(), metadata: { ünit: "m²", agent: name } },
    { contextId, key: "schlüssel", receivedLamport: String(receivedLamport) },
    { contextId, key: "facts", payload: "aGk=", idempotencyKey: `once from ${name}` },
  ];
  for (const request of requests) {
    const { entry, duplicate, durability } = await answerOf(client, append, request);
    expect([duplicate, durability]).toEqual([undefined, { copies: 1, holders: 1 }]);
    answered.set((entry as Json)["sequence"] as string, entry as Json);
  }
  const again = await answerOf(client, append, requests[2] as Json);
  expect(again["duplicate"]).toBe(true);
  const { sequence } = again["entry"] as { sequence: string };
  expect(again["entry"]).toEqual(answered.get(sequence));
}

function clientOf(name: string): InteropClient {
  const client = clients.get(name);
  if (client === undefined) throw new Error(`There is no client ${name}`);
  return client;
}

function inOrder(): Json[] {
  return [...answered.values()].sort((a, b) => Number(a["sequence"]) - Number(b["sequence"]));
}

test("appends of all clients got sequences without a gap, ascending times and the hash of their content", () => {
  const entries = inOrder();
  expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, i) => String(i + 1)));
  const times = entries.map((entry) => BigInt(entry["appendedAtNs"] as string));
  const lamports = entries.map((entry) => BigInt(entry["lamport"] as string));
  expect(times.every((time, i) => i === 0 || time > (times[i - 1] ?? 0n))).toBe(true);
  expect(lamports.every((lamport, i) => i === 0 || lamport > (lamports[i - 1] ?? 0n))).toBe(true);
  const first = entries.findIndex(({ key }) => key === "schlüssel");
  expect(lamports[first]).toBe(receivedLamport + 1n);
  for (const entry of entries) expect(entry["contentHash"]).toBe(expectedEntryHash(contextId, entry));
});

describe.each(clientKinds.map((kind) => [kind.name, kind] as const))("%s", (name, kind) => {
  test.skipIf(kind.lacks !== undefined)(
    `reads what all clients appended, with Get${needs(kind)}`,
    async () => {
      const answer = await answerOf(clientOf(name), get, { contextId });
      expect(answer["entries"]).toEqual(inOrder());
      expect(answer["latestSequence"]).toBe(String(answered.size));
    },
  );

  test.skipIf(kind.lacks !== undefined)(
    `filters, limits, pages and resumes with Get${needs(kind)}`,
    async () => {
      const client = clientOf(name);
      const facts = inOrder().filter(({ key, sequence }) => key === "facts" && Number(sequence) > 4);
      const after = await answerOf(client, get, { contextId, key: "facts", afterSequence: "4", limit: 2 });
      expect(after["entries"]).toEqual(facts.slice(0, 2));
      const page = await answerOf(client, get, { contextId, maxBytes: 1 });
      expect([page["entries"], page["more"]]).toEqual([inOrder().slice(0, 1), true]);
      const next = await answerOf(client, get, { contextId, resumeToken: page["resumeToken"], limit: 1 });
      expect(next["entries"]).toEqual(inOrder().slice(1, 2));
      expect(await answerOf(client, get, { contextId: "nothing here" })).not.toHaveProperty("entries");
    },
  );

  test.skipIf(kind.lacks !== undefined)(
    `gives receipts for AppendBatch, and the ledger lists and describes the context${needs(kind)}`,
    async () => {
      const client = clientOf(name);
      const own = `batches of ${name}`;
      const entries = [
        { key: "a", payload: "AA==" },
        { key: "b", metadata: { n: "1" } },
        { key: "c", idempotencyKey: "i" },
      ];
      const { receipts } = (await answerOf(client, batch, { contextId: own, entries })) as {
        receipts: Json[];
      };
      expect(receipts.map(({ sequence }) => sequence)).toEqual(["1", "2", "3"]);
      const stored = await answerOf(client, get, { contextId: own });
      expect((stored["entries"] as Json[]).map(({ contentHash }) => contentHash)).toEqual(
        receipts.map(({ contentHash }) => contentHash),
      );
      const { context } = (await answerOf(client, "converge.ledger.v1.LedgerService/GetContext", {
        contextId: own,
      })) as { context: Json };
      expect(context).toMatchObject({ contextId: own, latestSequence: "3", entryCount: "3", lamport: "3" });
      const listed = await answerOf(client, "converge.ledger.v1.LedgerService/ListContexts", { prefix: own });
      expect(listed["contexts"]).toEqual([context]);
    },
  );

  test.skipIf(kind.lacks !== undefined)(
    `takes a snapshot and loads it as a copy and as itself${needs(kind)}`,
    async () => {
      const client = clientOf(name);
      const { snapshot, sequence, metadata } = await answerOf(
        client,
        "converge.context.v1.ContextService/Snapshot",
        { contextId },
      );
      expect([sequence, (metadata as Json)["entryCount"], (metadata as Json)["version"]]).toEqual([
        String(answered.size),
        String(answered.size),
        3,
      ]);
      const load = "converge.context.v1.ContextService/Load";
      const copy = { contextId: `copy of ${name}`, snapshot, failIfExists: true };
      const loaded = await answerOf(client, load, copy);
      expect([loaded["entriesRestored"], loaded["entriesAdded"]]).toEqual([
        String(answered.size),
        String(answered.size),
      ]);
      const again = await answerOf(client, load, { contextId, snapshot });
      expect([again["entriesRestored"], again["entriesAdded"], again["latestSequence"]]).toEqual([
        String(answered.size),
        undefined,
        String(answered.size),
      ]);
      const { entries } = (await answerOf(client, get, { contextId: copy.contextId })) as { entries: Json[] };
      const fields = ({ id: _id, contentHash: _hash, ...rest }: Json): Json => rest;
      expect(entries.map(fields)).toEqual(inOrder().map(fields));
      expect(entries.map(({ id }) => id)).toEqual(
        inOrder().map(({ id }) => copyId(copy.contextId, id as string)),
      );
    },
  );
});

const streaming = clientKinds.filter(({ streams }) => streams).map((kind) => [kind.name, kind] as const);

describe.each(streaming)("%s", (name, kind) => {
  test.skipIf(kind.lacks !== undefined)(`reads the same with Watch${needs(kind)}`, async () => {
    const events = await answersOf(
      clientOf(name),
      watch,
      { contextId, controlEvents: true },
      { answersMax: answered.size + 1 },
    );
    const caughtUp = { caughtUp: { latestSequence: String(answered.size) } };
    expect(events).toEqual([...inOrder().map((entry) => ({ entry })), caughtUp]);
  });
});

test.skipIf(!hasCurl)("curl reads the same with a Connect GET (needs curl)", async () => {
  for (const flags of [["--http1.1"], ["--http2-prior-knowledge"]]) {
    const answer = await curlGet(server.url, get, { contextId }, flags);
    expect(answer.status).toBe(200);
    expect((JSON.parse(answer.body.toString()) as Json)["entries"]).toEqual(inOrder());
  }
});

test("an EventSource reads the same", async () => {
  const entries: Json[] = [];
  for await (const event of eventSource(`${server.url}/v1/contexts/${encodeURIComponent(contextId)}/watch`)) {
    const entry = JSON.parse(event.data) as Json;
    expect(event.type).toBe("entry");
    expect(event.lastEventId).toBe(eventId(entry));
    if (entries.push(entry) === answered.size) break;
  }
  expect(entries).toEqual(inOrder());
});

test.skipIf(grpcJs.lacks !== undefined)("reads after a restart are the same (needs node)", async () => {
  await server.kill();
  await using again = await startServerProcess({ data: server.data });
  await using client = await grpcJs.open(again);
  expect((await answerOf(client, get, { contextId }))["entries"]).toEqual(inOrder());
});

function eventId(entry: Json): string {
  return `${String(entry["sequence"])}-${Buffer.from(entry["contentHash"] as string, "base64")
    .toString("hex")
    .slice(0, 16)}`;
}

/** The id of an entry that was loaded under another context id. */
function copyId(target: string, sourceId: string): string {
  const hash = createHash("sha256").update("converge-ledger/copy/v1\n");
  for (const text of [target, contextId, sourceId]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(text));
    hash.update(length).update(text);
  }
  return hash.digest("hex").slice(0, 32);
}
