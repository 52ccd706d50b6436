import { describe, expect, test } from "bun:test";
import { createLedgerClient } from "../../src/client/ledger-client.ts";
import { startInProcessServer } from "../support/in-process-server.ts";
import { lyingProxy } from "../support/lying-proxy.ts";
import { programFor, runInChromium, runInNode, runtimes } from "./verified-runtimes.ts";
import {
  appendLies,
  contextId,
  entries,
  entryLies,
  type Outcome,
  otherLies,
  runScenarios,
} from "./verified-scenarios.ts";

const workerUrl = new URL("../../src/store/writer-worker.ts", import.meta.url);
const all = Array.from({ length: entries }, (_, i) => i + 1);
const beforeLie = [1, 2];

/** What must come out, whatever the runtime. */
const expected: readonly Outcome[] = [
  { name: "none", fault: "clean", delivered: all },
  ...Object.entries(entryLies).map(([name, fault]) => ({ name, fault, delivered: beforeLie })),
  ...Object.entries(otherLies).map(([name, fault]) => ({
    name,
    fault,
    delivered: { "repeat-entry": [1, 2, 3], "no-frontier": [] }[name] ?? all,
  })),
  { name: "none with a key", fault: "clean", delivered: [3, 6, 9, 12] },
  { name: "drop-skipped with a key", fault: "out-of-order", delivered: [] },
  { name: "none with a checkpoint for every entry", fault: "clean", delivered: all },
  { name: "forked-history with a checkpoint for every entry", fault: "fork", delivered: beforeLie },
  { name: "flip-consistency with a checkpoint for every entry", fault: "fork", delivered: [] },
  { name: "none, read in two parts", fault: "clean", delivered: all },
  { name: "other-frontier after a part", fault: "history-replaced", delivered: [] },
  { name: "other keys", fault: "checkpoint-invalid", delivered: all },
  { name: "none, append", fault: "clean", delivered: [entries + 1] },
  ...Object.entries(appendLies).map(([lie, fault]) => ({ name: `${lie}, append`, fault, delivered: [] })),
  {
    name: "old-checkpoint",
    fault: "checkpoint-older",
    delivered: Array.from({ length: entries + 5 }, (_, i) => i + 1),
  },
];

interface World extends AsyncDisposable {
  readonly base: string;
  keys(): Promise<readonly string[]>;
  /** Serves this page beside the proxy, and resolves with what it posts. */
  serve(page: string): Promise<unknown>;
}

async function startWorld(): Promise<World> {
  const server = await startInProcessServer(workerUrl);
  const proxy = lyingProxy(server.url);
  const posted = Promise.withResolvers<unknown>();
  let page = "";
  const keys = async (): Promise<readonly string[]> =>
    (await createLedgerClient({ url: server.url }).integrity.verifierKeys({ contextId })).verifierKeys;
  const listener = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/")
        return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
      if (pathname === "/keys") return Response.json(await keys());
      if (pathname === "/outcomes") {
        posted.resolve(await request.json());
        return new Response("ok");
      }
      return (await proxy(request)) ?? new Response("not found", { status: 404 });
    },
  });
  return {
    base: `http://127.0.0.1:${listener.port}`,
    keys,
    serve(html) {
      page = html;
      return posted.promise;
    },
    async [Symbol.asyncDispose]() {
      await listener.stop(true);
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("a verifying client finds out every lie within one event", () => {
  test("in Bun", async () => {
    await using world = await startWorld();
    expect(await runScenarios(world.base, () => world.keys())).toEqual([...expected]);
  }, 30_000);

  test.skipIf(!runtimes.node)(
    "in Node (needs node)",
    async () => {
      await using world = await startWorld();
      expect(await runInNode(await programFor(world.base))).toEqual(expected);
    },
    30_000,
  );

  test.skipIf(!runtimes.chromium)(
    "in headless Chromium (needs chromium)",
    async () => {
      await using world = await startWorld();
      const program = await programFor("");
      const outcomes = world.serve(`<!doctype html><script type="module">${program}</script>`);
      expect(await runInChromium(`${world.base}/`, outcomes)).toEqual(expected);
    },
    60_000,
  );
});
