/** The largest messages pass on every protocol, and one byte more is refused in the same way. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { ContextService } from "../../src/gen/converge/context/v1/context_pb.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { clientKinds } from "../support/client-kinds.ts";
import { expectedEntryHash } from "../support/expected-entry-hash.ts";
import { answerOf, errorOf, type Json } from "../support/interop-client.ts";
import { needs, openClients, type OpenClients } from "../support/open-clients.ts";
import { runExecutable, type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const service = "converge.context.v1.ContextService";
const ledger = "converge.ledger.v1.LedgerService";
const payloadBytesMax = 4 * 1024 * 1024;
/** In base64: the largest payload, one that fills a batch beside it, and one that is a byte too large. */
const largest = noise(payloadBytesMax).toBase64();
const filling = noise(payloadBytesMax - 2).toBase64();
const tooLarge = noise(payloadBytesMax + 1).toBase64();

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

describe.each(clientKinds.map((kind) => [kind.name, kind] as const))("%s", (name, kind) => {
  const skipped = kind.lacks !== undefined;

  test.skipIf(skipped)(
    `appends 4 MiB of payload and 8 MiB of batch, and no byte more${needs(kind)}`,
    async () => {
      const client = clients.of(kind);
      const contextId = `written by ${name}`;
      const batch = (metadata: Json): Json => ({
        contextId,
        entries: [
          { key: "k", payload: largest },
          { key: "k", payload: filling, metadata },
        ],
      });
      // Receipts are small whatever the payload; their hashes show that it came whole.
      const { receipts } = (await answerOf(client, `${ledger}/AppendBatch`, batch({}))) as {
        receipts: Json[];
      };
      const entries = [largest, filling].map((payload, i) => ({ ...receipts[i], key: "k", payload }));
      expect(receipts.map(({ contentHash }) => contentHash)).toEqual(
        entries.map((entry) => expectedEntryHash(contextId, entry)),
      );

      const payloadError = await errorOf(client, `${service}/Append`, {
        contextId,
        key: "k",
        payload: tooLarge,
      });
      expect(payloadError.code).toBe("RESOURCE_EXHAUSTED");
      expect(payloadError.message).toStartWith("Payload exceeds maximum allowed size: 4194305 bytes");
      const batchError = await errorOf(client, `${ledger}/AppendBatch`, batch({ x: "" }));
      expect(batchError.code).toBe("RESOURCE_EXHAUSTED");
      expect(batchError.message).toContain("8388609");
      const { context } = (await answerOf(client, `${ledger}/GetContext`, { contextId })) as {
        context: Json;
      };
      expect(context["entryCount"]).toBe("2");
    },
  );
});

const takesLarge = clientKinds.filter((kind) => kind.takesLarge).map((kind) => [kind.name, kind] as const);

describe.each(takesLarge)("%s", (name, kind) => {
  test.skipIf(kind.lacks !== undefined)(`reads a payload of exactly 4 MiB${needs(kind)}`, async () => {
    const client = clients.of(kind);
    const request = { contextId: `read by ${name}`, key: "k", payload: largest };
    const { entry } = (await answerOf(client, `${service}/Append`, request)) as { entry: Json };
    const { entries } = (await answerOf(client, `${service}/Get`, { contextId: request.contextId })) as {
      entries: Json[];
    };
    expect([entry["payload"] === request.payload, entries.length, Bun.deepEquals(entries[0], entry)]).toEqual(
      [true, 1, true],
    );
  });
});

test("a context that is larger than one message is refused by Get, Snapshot and Load, and paged or streamed", async () => {
  const contextId = "large";
  const transport = createConnectTransport({ baseUrl: server.url, useBinaryFormat: true });
  const client = createClient(ContextService, transport);
  const payload = noise(payloadBytesMax);
  for (let i = 0; i < 17; i += 1) await client.append({ contextId, key: "k", payload });

  const refused = (mention: string): object => ({
    code: Code.ResourceExhausted,
    rawMessage: expect.stringContaining(mention),
  });
  expect(await client.get({ contextId }).catch(ConnectError.from)).toMatchObject(refused("67108864"));
  const page = await client.get({ contextId, maxBytes: 10_000_000 });
  expect([page.entries.length, page.more]).toEqual([2, true]);
  expect(await client.snapshot({ contextId }).catch(ConnectError.from)).toMatchObject(
    refused("SnapshotStream"),
  );

  using directory = temporaryDirectory();
  const file = join(directory.path, "large.cls");
  const cli = (...args: string[]): ReturnType<typeof runExecutable> =>
    runExecutable([...args, "--url", server.url]);
  expect(await cli("snapshot", contextId, "-o", file)).toMatchObject({ code: 0 });
  expect(await cli("load", "copy", file, "--fail-if-exists")).toMatchObject({ code: 0 });
  const copied = await client.get({ contextId: "copy", afterSequence: 16n });
  expect(copied.entries.map((entry) => Buffer.compare(entry.payload, payload))).toEqual([0]);

  const snapshot = await Bun.file(file).bytes();
  const load = await client.load({ contextId: "third", snapshot }).catch(ConnectError.from);
  expect(load).toMatchObject(refused("LoadStream"));
  expect((await client.get({ contextId: "third" })).latestSequence).toBe(0n);
});

function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}
