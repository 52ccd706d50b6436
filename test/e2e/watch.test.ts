/** Watchers of a running server: many, slow, killed, and those whose server is killed. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { freePort } from "../../scripts/bench/run/free-port.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { clientKinds, grpcJs } from "../support/client-kinds.ts";
import { eventSource } from "../support/event-source.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf, type Json } from "../support/interop-client.ts";
import { scrape } from "../support/scrape.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { testEachClient } from "../support/test-each-client.ts";
import { patienceMs, until, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const service = "converge.context.v1.ContextService";
const contextId = "c";

describe("watchers that are killed are forgotten at once", () => {
  testEachClient(
    clientKinds.filter(({ streams }) => streams),
    "%s",
    async (kind) => {
      await using server = await startServerProcess();
      const count = kind.name.startsWith("buf") ? 3 : 40;
      const client = await kind.open(server);
      const calls = Array.from({ length: count }, () =>
        client.call(`${service}/Watch`, { contextId }).catch(() => undefined),
      );
      await watchersAre(server, count);
      await client[Symbol.asyncDispose]();
      await watchersAre(server, 0);
      await Promise.all(calls);
      expect((await scrape(server.url)).value("converge_ledger_watched_contexts")).toBe(0);
    },
  );

  test.skipIf(Bun.which("curl") === null)("curl -N, over HTTP/1.1 and HTTP/2 (needs curl)", async () => {
    await using server = await startServerProcess();
    const spawn = (version: string): Bun.Subprocess =>
      Bun.spawn(["curl", "-N", "-s", version, `${server.url}/v1/contexts/${contextId}/watch`], {
        stdio: ["ignore", "ignore", "ignore"],
      });
    const children = ["--http1.1", "--http2-prior-knowledge", "--http1.1"].map(spawn);
    await watchersAre(server, 3);
    for (const child of children) child.kill("SIGKILL");
    await watchersAre(server, 0);
    expect((await scrape(server.url)).value("converge_ledger_watched_contexts")).toBe(0);
  });

  test("a socket that is reset before its answer", async () => {
    await using server = await startServerProcess();
    for (let i = 0; i < 20; i += 1) {
      const socket = connect({ host: "127.0.0.1", port: server.httpPort });
      await new Promise<void>((sent) =>
        socket.write("GET /v1/contexts/c/watch HTTP/1.1\r\nhost: localhost\r\n\r\n", () => sent()),
      );
      socket.resetAndDestroy();
    }
    await until("the server has seen all", async () => operationsEnded(server, "sse", 20));
    await watchersAre(server, 0);
  });
});

test("200 watchers of one context all see 200 entries of four appenders in order, filtered ones what they asked for", async () => {
  await using server = await startServerProcess();
  const everything = Array.from({ length: 200 }, (_, i) => i + 1);
  const watch = async (query: string, isLast: (entry: Json) => boolean): Promise<Json[]> => {
    const seen: Json[] = [];
    for await (const { data } of eventSource(`${server.url}/v1/contexts/${contextId}/watch${query}`)) {
      const entry = JSON.parse(data) as Json;
      seen.push(entry);
      if (isLast(entry)) return seen;
    }
    return seen;
  };
  const early = Array.from({ length: 100 }, () => watch("", ({ sequence }) => sequence === "200"));
  const filtered = Array.from({ length: 30 }, () =>
    watch("?key=key+1", ({ payload }) => payload === btoa("49")),
  );
  await watchersAre(server, 130);
  const appenders = [0, 1, 2, 3].map(async (n) => {
    const client = fetchClient(server.url);
    for (let i = 0; i < 50; i += 1)
      await answerOf(client, `${service}/Append`, { contextId, key: `key ${n}`, payload: btoa(String(i)) });
  });
  const late = Array.from({ length: 70 }, () => watch("", ({ sequence }) => sequence === "200"));
  await Promise.all(appenders);
  const stored = (await answerOf(fetchClient(server.url), `${service}/Get`, { contextId }))[
    "entries"
  ] as Json[];
  expect(stored.map(({ sequence }) => Number(sequence))).toEqual(everything);
  for (const seen of await within("all have seen all", Promise.all([...early, ...late])))
    expect(Bun.deepEquals(seen, stored)).toBe(true);
  const ofOneKey = stored.filter(({ key }) => key === "key 1");
  for (const seen of await within("all have seen theirs", Promise.all(filtered)))
    expect(Bun.deepEquals(seen, ofOneKey)).toBe(true);
  await watchersAre(server, 0);
});

test.skipIf(grpcJs.lacks !== undefined)(
  "600 gRPC watchers of six contexts on one connection see their entries in order (needs node)",
  async () => {
    await using server = await startServerProcess();
    await using client = await grpcJs.open(server);
    const contexts = Array.from({ length: 6 }, (_, i) => `context ${i}`);
    const watches = contexts.flatMap((context) =>
      Array.from({ length: 100 }, () =>
        client.call(`${service}/Watch`, { contextId: context }, { answersMax: 30 }),
      ),
    );
    await watchersAre(server, 600);
    for (let i = 0; i < 30; i += 1)
      await Promise.all(
        contexts.map((context) =>
          answerOf(fetchClient(server.url), `${service}/Append`, { contextId: context, key: "k" }),
        ),
      );
    const outcomes = await within("all have seen all", Promise.all(watches));
    for (const [i, context] of contexts.entries()) {
      const { entries } = (await answerOf(fetchClient(server.url), `${service}/Get`, {
        contextId: context,
      })) as { entries: Json[] };
      const expected = entries.map((entry) => ({ entry }));
      for (const { answers } of outcomes.slice(100 * i, 100 * (i + 1)))
        expect(Bun.deepEquals(answers, expected)).toBe(true);
    }
    await watchersAre(server, 0);
  },
);

test("a watcher that does not read costs no memory, holds nobody up, and misses nothing when it reads on", async () => {
  await using server = await startServerProcess();
  const client = fetchClient(server.url);
  const payload = Buffer.alloc(1024 * 1024, "0123456789abcdef").toString("base64");
  const appendMiB = async (context: string, count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1)
      await answerOf(client, `${service}/Append`, { contextId: context, key: "k", payload });
  };
  // So that the heap has grown to what the appends alone take.
  await appendMiB("warm up", 100);
  const socket = connect({ host: "127.0.0.1", port: server.httpPort });
  socket.write(`GET /v1/contexts/${contextId}/watch HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  socket.pause();
  await watchersAre(server, 1);
  const before = (await scrape(server.url)).value("process_resident_memory_bytes");
  await appendMiB(contextId, 320);
  const after = await scrape(server.url);
  expect(after.value("converge_ledger_watchers_lagging")).toBe(1);
  // 447 MB of events wait for it; the newest 32 MiB are kept for all, and garbage is collected when it pays.
  expect(after.value("process_resident_memory_bytes") - before).toBeLessThan(250_000_000);

  const sequences: number[] = [];
  let rest = "";
  socket.on("data", (bytes: Buffer) => {
    // The ids are all that is kept of a stream of hundreds of megabytes.
    rest = (rest + bytes.toString("latin1")).replaceAll(
      /id: (\d+)-[0-9a-f]{16}\nevent: entry\n/g,
      (_match, sequence: string) => {
        sequences.push(Number(sequence));
        return "";
      },
    );
    rest = rest.slice(-64);
  });
  socket.resume();
  await until("it has caught up", () => sequences.at(-1) === 320);
  expect(sequences).toEqual(Array.from({ length: 320 }, (_, i) => i + 1));
  socket.destroy();
  await watchersAre(server, 0);
});

describe("a server that is killed and started again", () => {
  test("is found again by an EventSource, which sees every entry once", async () => {
    using directory = temporaryDirectory();
    const ports = { grpcPort: await freePort(), httpPort: await freePort() };
    const seen: number[] = [];
    const events = eventSource(`http://127.0.0.1:${ports.httpPort}/v1/contexts/${contextId}/watch`);
    const reading = (async () => {
      for await (const { type, data } of events) {
        expect(type).toBe("entry");
        if (seen.push(Number((JSON.parse(data) as Json)["sequence"])) === 30) return;
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      await using server = await startServerProcess({ data: directory.path, ...ports });
      const client = fetchClient(server.url);
      for (let i = 0; i < 10; i += 1) await answerOf(client, `${service}/Append`, { contextId, key: "k" });
      await until(`the events of round ${round}`, () => seen.length >= 10 * round + 5);
    }
    await using last = await startServerProcess({ data: directory.path, ...ports });
    await within("the last events", reading);
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(last.stderr()).not.toContain('"error"');
  });

  test.skipIf(grpcJs.lacks !== undefined)(
    "is resumed by a gRPC watcher with its token, without a gap or a repeat (needs node)",
    async () => {
      using directory = temporaryDirectory();
      const seen: Json[] = [];
      for (let round = 0; round < 3; round += 1) {
        await using server = await startServerProcess({ data: directory.path });
        await using client = await grpcJs.open(server);
        const last = seen.at(-1);
        const resumeToken = last === undefined ? "" : tokenOf(last);
        const watch = client.call(
          `${service}/Watch`,
          { contextId, resumeToken },
          { onAnswer: ({ entry }) => seen.push(entry as Json) },
        );
        const appends = Array.from({ length: 10 }, () =>
          answerOf(client, `${service}/Append`, { contextId, key: "k" }),
        );
        await Promise.all(appends);
        await until("half of the events", () => seen.length >= 10 * round + 5);
        await server.kill();
        expect(await watch).toMatchObject({ error: { code: "UNAVAILABLE" } });
      }
      await using server = await startServerProcess({ data: directory.path });
      const stored = await answerOf(fetchClient(server.url), `${service}/Get`, { contextId });
      expect(seen).toEqual((stored["entries"] as Json[]).slice(0, seen.length));
    },
  );
});

/** The cursor after an entry, as a client makes it from the entry alone. */
function tokenOf(entry: Json): string {
  const token = Buffer.alloc(16);
  token.writeBigUInt64BE(BigInt(entry["sequence"] as string));
  Buffer.from(entry["contentHash"] as string, "base64").copy(token, 8, 0, 8);
  return token.toString("base64");
}

async function watchersAre(server: ServerProcess, count: number): Promise<void> {
  await until(
    `${count} watchers`,
    async () => (await scrape(server.url)).sum("converge_ledger_watchers") === count,
  );
}

async function operationsEnded(server: ServerProcess, protocol: string, count: number): Promise<boolean> {
  const metrics = await scrape(server.url);
  const series = `converge_ledger_operation_duration_seconds_count{operation="Watch",protocol="${protocol}",code="CANCELLED"}`;
  return metrics.value(series) === count;
}
