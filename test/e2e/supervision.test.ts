/**
 * Parts of a running server crash while clients append and watch over both listeners: the others go on, the crashed one
 * comes back, nothing acknowledged is lost, and watchers resume or are told.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { grpcJs } from "../support/client-kinds.ts";
import { eventSource } from "../support/event-source.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { type InProcessServer, startInProcessServer } from "../support/in-process-server.ts";
import { answerOf, type InteropClient, type Json } from "../support/interop-client.ts";
import { Journal } from "../support/journal.ts";
import type { LineClient } from "../support/line-client.ts";
import { scrape } from "../support/scrape.ts";
import { patienceMs, until, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const service = "converge.context.v1.ContextService";
const workerUrl = new URL("../../src/store/writer-worker.ts", import.meta.url);
/** The real Worker, which dies at a commit that begins with an entry whose key tells it to. */
const dyingWorkerUrl = new URL("../store/dying-writer-worker.ts", import.meta.url);

interface Part {
  readonly path: string;
  /** What appends over each listener may fail with meanwhile. */
  readonly grpcFailures: readonly string[];
  readonly httpFailures: readonly string[];
}

const parts: readonly Part[] = [
  { path: "ledger/storage", grpcFailures: ["UNAVAILABLE"], httpFailures: ["UNAVAILABLE"] },
  { path: "ledger/watch", grpcFailures: [], httpFailures: [] },
  { path: "ledger/servers/grpc", grpcFailures: ["UNAVAILABLE"], httpFailures: [] },
  { path: "ledger/servers/http", grpcFailures: [], httpFailures: ["UNAVAILABLE"] },
];

describe.skipIf(grpcJs.lacks !== undefined)("a part that crashes three times under load (needs node)", () => {
  test.each(parts.map((part) => [part.path, part] as const))("%s", async (path, part) => {
    await using server = await startInProcessServer(workerUrl);
    await using load = await startLoad(server);
    for (let crash = 1; crash <= 3; crash += 1) {
      await load.makesProgress();
      expect(server.server.fail(path, new Error(`made to crash, ${crash}`))).toBe(true);
      await until("it has been restarted", () => restarts(server, path, crash));
      await until("the server is ready", () => isReady(server));
      await load.makesProgress();
    }
    const { grpc, http } = await load.stop();
    expect(grpc.filter((code) => !part.grpcFailures.includes(code))).toEqual([]);
    expect(http.filter((code) => !part.httpFailures.includes(code))).toEqual([]);
    expect(server.logged.filter((message) => message === "a part crashed").length).toBe(3);
  });
});

describe("the Worker of the storage dies for real", () => {
  let server: InProcessServer;

  beforeAll(async () => {
    server = await startInProcessServer(dyingWorkerUrl);
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    ["die before the commit", 1, false],
    ["throw after the commit", 2, true],
    ["die after the commit", 3, true],
  ] as const)(
    "%s: the append is answered as it came out, its retry adds nothing twice, watchers go on",
    async (key, nth, isCommitted) => {
      const contextId = `worker, ${key}`;
      const client = fetchClient(server.url);
      const seen: Json[] = [];
      const watching = (async () => {
        for await (const { data } of eventSource(
          `${server.url}/v1/contexts/${encodeURIComponent(contextId)}/watch`,
        )) {
          if (seen.push(JSON.parse(data) as Json) === 3) return;
        }
      })();
      await answerOf(client, `${service}/Append`, { contextId, key: "before" });
      await until("the watcher is there", () => seen.length === 1);

      const request = { contextId, key, idempotencyKey: "once" };
      const outcome = await client.call(`${service}/Append`, request);
      expect(outcome.error?.code).toBe(isCommitted ? undefined : "UNAVAILABLE");
      await until("the storage is back", () => restarts(server, "ledger/storage", nth));
      await until("the server is ready", () => isReady(server));

      // The key of what was not committed would kill the writer again.
      const repeated = isCommitted ? request : { ...request, key: "live" };
      const answer = await answerOf(client, `${service}/Append`, repeated);
      expect(answer["entry"]).toEqual(
        isCommitted ? outcome.answers[0]?.["entry"] : expect.objectContaining({ sequence: "2" }),
      );
      expect(answer["duplicate"]).toBe(isCommitted ? true : undefined);
      expect(await answerOf(client, `${service}/Append`, { contextId, key: "after" })).toMatchObject({
        entry: { sequence: "3" },
      });
      await within("the watcher has seen all", watching);
      expect(seen.map(({ key: seenKey }) => seenKey)).toEqual(["before", repeated.key, "after"]);
      expect((await answerOf(client, `${service}/Get`, { contextId }))["entries"]).toEqual(seen);
    },
  );
});

interface Load extends AsyncDisposable {
  /** Waits until every appender and every watcher has got on. */
  makesProgress(): Promise<void>;
  /** Ends the load, checks that nothing was lost and nobody missed anything; returns how appends failed in between. */
  stop(): Promise<{ readonly grpc: readonly string[]; readonly http: readonly string[] }>;
}

/** Appends and watches over both listeners. Each listener has contexts of its own, watched over the other one as well. */
async function startLoad(server: InProcessServer): Promise<Load> {
  const journal = new Journal();
  const client = await grpcJs.open(server);
  const http = fetchClient(server.url);
  let isOver = false;
  const counts = { grpc: 0, http: 0 };
  const counting = (inner: InteropClient, name: keyof typeof counts): InteropClient => ({
    ...inner,
    async call(...args) {
      const outcome = await inner.call(...args);
      if (outcome.error === undefined) counts[name] += 1;
      return outcome;
    },
  });
  const grpcAppends = [0, 1, 2, 3].map((i) =>
    journal.appendThroughFailures(counting(client, "grpc"), `grpc ${i % 2}`, () => isOver),
  );
  const httpAppends = [0, 1, 2, 3].map((i) =>
    journal.appendThroughFailures(counting(http, "http"), `http ${i % 2}`, () => isOver),
  );
  const watches = ["grpc 0", "http 0"].flatMap((contextId) => [
    watchOverGrpc(client, contextId, () => isOver),
    watchOverSse(server.url, contextId),
  ]);
  const lengths = (): readonly number[] => [
    counts.grpc,
    counts.http,
    ...watches.map(({ seen }) => seen.length),
  ];
  return {
    async makesProgress() {
      const before = lengths();
      await until("all appenders and watchers get on", () =>
        lengths().every((length, i) => length >= (before[i] ?? 0) + 5),
      );
    },
    async stop() {
      isOver = true;
      const [grpc, failedHttp] = await Promise.all([Promise.all(grpcAppends), Promise.all(httpAppends)]);
      await journal.retryUnknown(http);
      await journal.verify(http, { fromBeginning: true });
      for (const contextId of ["grpc 0", "http 0"]) {
        // Wakes watchers that would not look whether the load is over otherwise.
        await answerOf(http, `${service}/Append`, { contextId, key: "k" });
        const stored = await answerOf(http, `${service}/Get`, { contextId });
        for (const { contextId: watched, seen, ended } of watches.filter(
          (watch) => watch.contextId === contextId,
        )) {
          await within(`a watcher of ${watched} has seen all`, ended);
          expect(Bun.deepEquals(seen, stored["entries"])).toBe(true);
        }
      }
      return { grpc: grpc.flat(), http: failedHttp.flat() };
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      await client[Symbol.asyncDispose]();
    },
  };
}

interface Watching {
  readonly contextId: string;
  readonly seen: Json[];
  /** Resolves when an entry has come that was appended after the load. */
  readonly ended: Promise<void>;
}

/** Watches and, whenever the stream ends, watches again after what was seen. */
function watchOverGrpc(client: LineClient, contextId: string, isOver: () => boolean): Watching {
  const seen: Json[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const onAnswer = ({ entry }: Json): void => {
    seen.push(entry as Json);
    if (isAfterLoad(entry as Json)) resolve();
  };
  void (async () => {
    while (!isOver()) {
      const fromSequence = (seen.at(-1)?.["sequence"] as string | undefined) ?? "0";
      const { error } = await client.call(`${service}/Watch`, { contextId, fromSequence }, { onAnswer });
      expect(error?.code).toBe("UNAVAILABLE");
      await Bun.sleep(10);
    }
  })().catch(resolve);
  return { contextId, seen, ended };
}

function watchOverSse(url: string, contextId: string): Watching {
  const seen: Json[] = [];
  const ended = (async () => {
    for await (const { data } of eventSource(`${url}/v1/contexts/${encodeURIComponent(contextId)}/watch`)) {
      const entry = JSON.parse(data) as Json;
      seen.push(entry);
      if (isAfterLoad(entry)) return;
    }
  })();
  return { contextId, seen, ended };
}

/** Entries of the load have payloads. */
function isAfterLoad(entry: Json): boolean {
  return entry["payload"] === undefined;
}

async function restarts(server: InProcessServer, path: string, count: number): Promise<boolean> {
  return (await scrape(server.url)).value(`converge_ledger_child_restarts_total{child="${path}"}`) === count;
}

async function isReady(server: InProcessServer): Promise<boolean> {
  return (await fetch(`${server.url}/readyz`)).status === 200;
}
