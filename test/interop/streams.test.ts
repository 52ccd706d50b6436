/** The streams of converge.ledger.v1 as clients of many makes see them. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { clientKinds, grpcJs } from "../support/client-kinds.ts";
import { answerOf, answersOf, errorOf, type Json } from "../support/interop-client.ts";
import { needs, openClients, type OpenClients } from "../support/open-clients.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const ledger = "converge.ledger.v1.LedgerService";
const get = "converge.context.v1.ContextService/Get";

let server: ServerProcess;
let clients: OpenClients;

beforeAll(async () => {
  server = await startServerProcess();
  clients = await openClients(server);
});

afterAll(async () => {
  await clients[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const streaming = clientKinds
  .filter(({ sendsStreams }) => sendsStreams)
  .map((kind) => [kind.name, kind] as const);

describe.each(streaming)("%s", (name, kind) => {
  const skipped = kind.lacks !== undefined;

  test.skipIf(skipped)(
    `AppendStream answers 300 requests for 3 contexts in order, errors in their places${needs(kind)}`,
    async () => {
      const requests = Array.from({ length: 300 }, (_, i): Json => {
        const entries = Array.from({ length: 1 + (i % 4) }, (_entry, n) => ({
          key: "k",
          payload: btoa(`${i}.${n}`),
        }));
        return i % 50 === 49 ? { contextId: "", entries } : { contextId: `${name} ${i % 3}`, entries };
      });
      const answers = await answersOf(clients.of(kind), `${ledger}/AppendStream`, requests);

      expect(answers.length).toBe(requests.length);
      const heads = new Map<unknown, number>();
      const expected = requests.map(({ contextId, entries }) => {
        if (contextId === "")
          return "error 3: context_id is missing; set context_id to 1 to 1024 bytes of text";
        const head = heads.get(contextId) ?? 0;
        const count = (entries as Json[]).length;
        heads.set(contextId, head + count);
        return `sequences ${Array.from({ length: count }, (_, n) => head + 1 + n).join()}`;
      });
      expect(answers.map(summaryOf)).toEqual(expected);

      for (const [contextId] of heads) {
        const { entries } = (await answerOf(clients.of(kind), get, { contextId })) as { entries: Json[] };
        const sent = requests
          .filter((request) => request["contextId"] === contextId)
          .flatMap((request) => request["entries"] as Json[]);
        expect(entries.map(({ payload }) => payload)).toEqual(sent.map(({ payload }) => payload));
        const receipts = answers
          .filter((_, i) => requests[i]?.["contextId"] === contextId)
          .flatMap(receiptsOf);
        expect(entries.map(({ contentHash, id }) => [contentHash, id])).toEqual(
          receipts.map(({ contentHash, id }) => [contentHash, id]),
        );
      }
    },
  );

  test.skipIf(skipped)(`SnapshotStream and LoadStream copy a context in chunks${needs(kind)}`, async () => {
    const client = clients.of(kind);
    const contextId = `long one of ${name}`;
    const entries = Array.from({ length: 40 }, (_, i) => ({
      key: `k${i}`,
      payload: noise(20_000).toBase64(),
    }));
    await answerOf(client, `${ledger}/AppendBatch`, { contextId, entries });

    const parts = await answersOf(client, `${ledger}/SnapshotStream`, { contextId });
    const summary = parts.at(-1)?.["summary"] as Json;
    const bytes = Buffer.concat(
      parts.slice(0, -1).map(({ chunk }) => Buffer.from(chunk as string, "base64")),
    );
    expect(parts.length).toBeGreaterThan(2);
    expect([summary["sequence"], summary["sizeBytes"]]).toEqual(["40", String(bytes.length)]);

    const target = `copy of ${contextId}`;
    const chunks = piecesOf(bytes, 100_000).map((chunk) => ({ chunk: chunk.toBase64() }));
    const root = Buffer.from((summary["metadata"] as Json)["root"] as string, "base64").toString("hex");
    const options = { contextId: target, failIfExists: true, expectedRoot: `40:${root}` };
    const loaded = await answersOf(client, `${ledger}/LoadStream`, [{ options }, ...chunks]);
    expect(loaded).toMatchObject([{ entriesRestored: "40", entriesAdded: "40", latestSequence: "40" }]);
    const copied = (await answerOf(client, get, { contextId: target })) as { entries: Json[] };
    expect(copied.entries.map(({ payload }) => payload)).toEqual(entries.map(({ payload }) => payload));

    const again = await errorOf(client, `${ledger}/LoadStream`, [{ options }, ...chunks]);
    expect([again.code, again.message]).toEqual(["ALREADY_EXISTS", expect.stringContaining(target)]);
  });

  test.skipIf(skipped)(
    `LoadStream shows nothing of a snapshot with one flipped bit${needs(kind)}`,
    async () => {
      const client = clients.of(kind);
      const contextId = `short one of ${name}`;
      await answerOf(client, `${ledger}/AppendBatch`, { contextId, entries: [{ key: "a" }, { key: "b" }] });
      const parts = await answersOf(client, `${ledger}/SnapshotStream`, { contextId });
      const bytes = Buffer.concat(
        parts.slice(0, -1).map(({ chunk }) => Buffer.from(chunk as string, "base64")),
      );
      const last = bytes.length - 1;
      bytes[last] = (bytes[last] ?? 0) ^ 1;
      const target = `damaged copy of ${name}`;
      const error = await errorOf(client, `${ledger}/LoadStream`, [
        { options: { contextId: target }, chunk: bytes.toBase64() },
      ]);
      expect(error.code).toBe("INVALID_ARGUMENT");
      expect(await answerOf(client, get, { contextId: target })).not.toHaveProperty("latestSequence");
    },
  );
});

test.each([
  [
    "AppendStream",
    { contextId: "web", entries: [{ key: "k" }] },
    "converge.ledger.v1.LedgerService/AppendBatch",
  ],
  ["LoadStream", { options: { contextId: "web" } }, "converge.context.v1.ContextService/Load"],
])(
  "%s over gRPC-Web is UNIMPLEMENTED and names what to use, on both listeners",
  async (method, request, instead) => {
    for (const kind of clientKinds.filter(({ name }) => name.startsWith("buf curl, gRPC-Web"))) {
      const error = await errorOf(clients.of(kind), `${ledger}/${method}`, [request]);
      expect([error.code, error.message]).toEqual(["UNIMPLEMENTED", expect.stringContaining(instead)]);
    }
  },
);

test.skipIf(grpcJs.lacks !== undefined)(
  "AppendStream answers while its client still sends (needs node)",
  async () => {
    await using client = await grpcJs.open(server);
    const answers: Json[] = [];
    const stream = client.converse(`${ledger}/AppendStream`, (answer) => answers.push(answer));
    for (let i = 1; i <= 5; i += 1) {
      stream.send({ contextId: "talk", entries: [{ key: "k" }] });
      await until(`answer ${i}`, () => answers.length === i);
    }
    stream.end();
    expect((await stream.outcome).error).toBeUndefined();
    expect(answers.map(summaryOf)).toEqual([1, 2, 3, 4, 5].map((sequence) => `sequences ${sequence}`));
  },
);

function receiptsOf(answer: Json): Json[] {
  const { appended } = answer as { appended?: { receipts: Json[] } };
  return appended?.receipts ?? [];
}

function summaryOf(answer: Json): string {
  const { error } = answer as { error?: { code: number; message: string } };
  if (error !== undefined) return `error ${error.code}: ${error.message}`;
  return `sequences ${receiptsOf(answer)
    .map(({ sequence }) => String(sequence))
    .join()}`;
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

function piecesOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}
