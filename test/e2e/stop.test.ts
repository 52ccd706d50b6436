/** SIGTERM and SIGINT: what was accepted is answered, watchers are told, the next start goes on where this one ended. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/bench/run/free-port.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { grpcJs } from "../support/client-kinds.ts";
import { eventSource } from "../support/event-source.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf, type Json } from "../support/interop-client.ts";
import { Journal } from "../support/journal.ts";
import { scrape } from "../support/scrape.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const service = "converge.context.v1.ContextService";
const contextId = "c";

test.skipIf(grpcJs.lacks !== undefined)(
  "SIGTERM tells watchers over every protocol that the server goes, and exits with 0 (needs node)",
  async () => {
    await using server = await startServerProcess({ flags: ["--drain-ms", "20000"] });
    await using client = await grpcJs.open(server);
    await answerOf(client, `${service}/Append`, { contextId, key: "k" });
    const entries: Json[] = [];
    const grpc = client.call(`${service}/Watch`, { contextId }, { onAnswer: (entry) => entries.push(entry) });
    const sse = reading(await fetch(`${server.url}/v1/contexts/${contextId}/watch`));
    const headers = { "content-type": "application/connect+json" };
    const request = { method: "POST", headers, body: framed({ contextId }) };
    const connect = reading(await fetch(`${server.url}/${service}/Watch`, request));
    await until("each watcher has the entry", () =>
      [JSON.stringify(entries), sse.text(), connect.text()].every((text) => text.includes("contentHash")),
    );

    const startMs = performance.now();
    server.signal("SIGTERM");
    expect(await within("the end", server.exited)).toBe(0);
    // Nobody is left to wait for.
    expect(performance.now() - startMs).toBeLessThan(10_000);
    const outcome = await grpc;
    expect(outcome.error).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("shutting down"),
    });
    expect(outcome.answers).toMatchObject([{ entry: { sequence: "1" } }]);
    await within("the streams end", Promise.all([sse.ended, connect.ended]));
    expect(connect.text()).toMatch(/"code":"unavailable".*shutting down/);
    expect(sse.text()).toMatch(/^retry: \d+\n\nid: 1-[0-9a-f]{16}\nevent: entry\n/);
    expect(existsSync(join(server.data, "ledger.db-wal"))).toBe(false);
  },
);

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s under load answers every append that it keeps, and loses none it answered",
  async (signal) => {
    using directory = temporaryDirectory();
    const journal = new Journal();
    {
      await using server = await startServerProcess({ data: directory.path });
      const http = fetchClient(server.url);
      const appenders: Promise<unknown>[] = [];
      for (let i = 0; i < 16; i += 1)
        appenders.push(journal.appendUntilFailure(http, `http ${i % 3}`, false));
      if (grpcJs.lacks === undefined) {
        const client = await grpcJs.open(server);
        for (let i = 0; i < 16; i += 1)
          appenders.push(journal.appendUntilFailure(client, `grpc ${i % 3}`, false));
        void Promise.all(appenders).then(() => client.kill());
      }
      await until("the load has begun", () => journal.acknowledgedCount > 200);
      server.signal(signal);
      expect(await within("the end", server.exited)).toBe(0);
      const failures = await within("all appenders have been refused", Promise.all(appenders));
      expect(new Set(failures)).toEqual(new Set(["UNAVAILABLE"]));
    }
    await using server = await startServerProcess({ data: directory.path });
    await journal.verify(fetchClient(server.url));
    expect(await journal.unacknowledgedButThere(fetchClient(server.url))).toEqual([]);
  },
);

test.skipIf(grpcJs.lacks !== undefined)(
  "a health watch is told NOT_SERVING and does not hold the stop up (needs node)",
  async () => {
    await using server = await startServerProcess({ flags: ["--drain-ms", "60000"] });
    await using client = await grpcJs.open(server);
    const answers: Json[] = [];
    const health = client.call(
      "grpc.health.v1.Health/Watch",
      {},
      { onAnswer: (answer) => answers.push(answer) },
    );
    await until("it serves", () => answers.length === 1);
    server.signal("SIGTERM");
    expect(await within("the end", server.exited)).toBe(0);
    await health;
    expect(answers).toEqual([{ status: "SERVING" }, { status: "NOT_SERVING" }]);
  },
);

test("a watcher sees no gap over three SIGTERMs", async () => {
  using directory = temporaryDirectory();
  const ports = { grpcPort: await freePort(), httpPort: await freePort() };
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { data } of eventSource(
      `http://127.0.0.1:${ports.httpPort}/v1/contexts/${contextId}/watch`,
    )) {
      if (seen.push(Number((JSON.parse(data) as Json)["sequence"])) === 30) return;
    }
  })();
  for (let round = 0; round < 3; round += 1) {
    await using server = await startServerProcess({ data: directory.path, ...ports });
    await until(
      "the watcher is there",
      async () => (await scrape(server.url)).sum("converge_ledger_watchers") === 1,
    );
    for (let i = 0; i < 10; i += 1)
      await answerOf(fetchClient(server.url), `${service}/Append`, { contextId, key: "k" });
    server.signal("SIGTERM");
    expect(await within("the end", server.exited)).toBe(0);
  }
  await using last = await startServerProcess({ data: directory.path, ...ports });
  await within("the last events", reading);
  expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  expect(last.stdout()).toMatch(/ready in \d+ ms\n$/);
});

test("a call that waits is ended when the drain is over", async () => {
  await using server = await startServerProcess({ flags: ["--drain-ms", "300"] });
  const { answer } = await beginWaitingGet(server);
  server.signal("SIGTERM");
  expect(await within("the end", server.exited)).toBe(0);
  expect(await answer).toContain('"code":"unavailable"');
});

test("a second signal does not wait for the drain", async () => {
  await using server = await startServerProcess({ flags: ["--drain-ms", "600000"] });
  const { answer } = await beginWaitingGet(server);
  server.signal("SIGTERM");
  await until("it is stopping", () => server.stderr().includes('"stopping"'));
  server.signal("SIGTERM");
  expect(await within("the end", server.exited)).toBe(1);
  await within("the connection is closed", answer);
});

/** Calls a Get that waits for an entry that does not come; resolves once the server has it, with the answer to come. */
async function beginWaitingGet(server: ServerProcess): Promise<{ readonly answer: Promise<string> }> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const body = JSON.stringify({ contextId, minSequence: "9" });
  const head = `POST /${service}/Get HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.httpPort,
    socket: {
      data: (_socket, bytes) => void (text += bytes.toString()),
      close: () => resolve(text),
      error: () => resolve(text),
    },
  });
  socket.write(head + body);
  // The server reads connections in the order of their bytes: an answer to a later one shows that it has this one.
  for (let i = 0; i < 3; i += 1) expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  return { answer: promise };
}

/** Collects the body of an answer as it comes. */
function reading(response: Response): { text(): string; readonly ended: Promise<void> } {
  const decoder = new TextDecoder();
  let text = "";
  const read = async (): Promise<void> => {
    for await (const bytes of response.body ?? []) text += decoder.decode(bytes, { stream: true });
  };
  return { text: () => text, ended: read() };
}

function framed(request: Json): Uint8Array<ArrayBuffer> {
  const message = Buffer.from(JSON.stringify(request));
  const frame = new Uint8Array(5 + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, 5);
  return frame;
}
