/** A bit that flips in the file of one of three executables: found by its scrub, mended by the others, nothing rewound. */

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { fetchClient } from "../support/fetch-client.ts";
import { answerOf, type Json } from "../support/interop-client.ts";
import { scrape } from "../support/scrape.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const names = ["a", "b", "c"] as const;
type Name = (typeof names)[number];

const folder = temporaryDirectory();
const nodes = new Map<Name, ServerProcess>();
const contextId = "to be damaged";
const count = 300;
const damaged = 123;
const payloadOf = (sequence: number): string => `what was remembered, number ${sequence} of them`;

afterAll(async () => {
  for (const server of nodes.values()) await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

function node(name: Name): ServerProcess {
  const found = nodes.get(name);
  if (found === undefined) throw new Error(`node ${name} does not run`);
  return found;
}

async function start(name: Name): Promise<void> {
  const others = [...nodes].filter(([other]) => other !== name).map(([, server]) => server);
  const joined = others.flatMap((server) => ["--join", /gossip +(\S+) /.exec(server.stdout())?.[1] ?? ""]);
  const gossip = ["--node-name", name, "--gossip", "127.0.0.1:0", "--gossip-timing", "local", ...joined];
  const flags = [...gossip, "--scrub-rate", "100000"];
  nodes.set(name, await startServerProcess({ data: join(folder.path, name), flags }));
}

async function ask(name: Name, method: string, request: Json): Promise<Json> {
  return await answerOf(fetchClient(node(name).url), method, request);
}

/** Every entry that a node has itself. */
async function copyOf(name: Name): Promise<Json[]> {
  const request = { contextId, read: "READ_ANY" };
  const { entries = [] } = await ask(name, "converge.context.v1.ContextService/Get", request);
  return entries as Json[];
}

async function equalCopies(): Promise<readonly unknown[]> {
  return await until("all copies are equal and sound", async () => {
    for (const name of names) {
      const metrics = await scrape(node(name).url);
      if (metrics.value("converge_ledger_scrub_damaged") !== 0) return undefined;
      if (metrics.value("converge_ledger_entries") !== count) return undefined;
    }
    const entries = await Promise.all(names.map(copyOf));
    const isEqual = entries.every((copy) => copy.length === count && Bun.deepEquals(copy, entries[0]));
    return isEqual ? entries : undefined;
  });
}

test("an entry that is damaged on one node is mended by the others, and nothing is rewound", async () => {
  for (const name of names) await start(name);
  await until("they know each other", async () => {
    const { members = [] } = await ask("a", "converge.ledger.v1.MembershipService/Members", {});
    return (members as Json[]).length === names.length;
  });
  const batch = Array.from({ length: count }, (_, index) => ({
    ...{ key: "facts", payload: btoa(payloadOf(index + 1)) },
  }));
  await until("a batch is taken", async () =>
    ask("a", "converge.ledger.v1.LedgerService/AppendBatch", { contextId, entries: batch }),
  );
  const before = await equalCopies();
  const hashesBefore = JSON.stringify(before[0]);

  node("b").signal("SIGTERM");
  expect(await within("the end", node("b").exited)).toBe(0);
  flip(join(folder.path, "b", "ledger.db"), payloadOf(damaged));
  await start("b");

  const line = await until("it was mended", () => lineOf(node("b"), "a damaged entry was mended"));
  expect(JSON.parse(line)).toMatchObject({ level: "info", contextId, sequence: damaged });
  expect(line).not.toContain("remembered");
  expect(lineOf(node("b"), "damage in the storage")).toContain(`"sequence":${damaged}`);
  expect(JSON.stringify((await equalCopies())[0])).toBe(hashesBefore);
  const metrics = await scrape(node("b").url);
  expect(metrics.value('converge_ledger_repairs_total{what="entry"}')).toBe(1);
  for (const name of names) {
    const own = await scrape(node(name).url);
    expect(own.value("converge_ledger_forks_total")).toBe(0);
    expect(own.value("converge_ledger_archives_pending")).toBe(0);
    expect(await (await fetch(`${node(name).url}/readyz`)).text()).toContain("[+]replication ok\n");
  }
  const { status } = await ask("a", "converge.ledger.v1.ClusterService/GetContextStatus", { contextId });
  const roots = ((status as Json)["holders"] as Json[]).map(({ copy }) => (copy as Json)["root"]);
  expect([roots.length, new Set(roots).size]).toEqual([3, 1]);
});

function lineOf(server: ServerProcess, message: string): string | undefined {
  return server
    .stderr()
    .split("\n")
    .find((line) => line.includes(`"${message}"`));
}

/** Flips a bit of a text that occurs once in a file. */
function flip(path: string, text: string): void {
  const file = readFileSync(path);
  const at = file.indexOf(text);
  expect([at > 0, file.indexOf(text, at + 1)]).toEqual([true, -1]);
  file[at + 3] = (file[at + 3] ?? 0) ^ 0x10;
  writeFileSync(path, file);
}
