/** A small cluster of executables, run with the command line as docs/operations.md says. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFile } from "node:fs/promises";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import {
  type Ended,
  runExecutable,
  type ServerProcess,
  spawnExecutable,
  startServerProcess,
} from "../support/server-process.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(3 * patienceMs);

const folder = temporaryDirectory();
const keyFile = (name: string): string => `${folder.path}/${name}.key`;

let a: ServerProcess;
let b: ServerProcess;
let c: ServerProcess;

/** Starts a node with a key file of its own. */
async function startNode(name: string, ...flags: string[]): Promise<ServerProcess> {
  const own = ["--node-name", name, "--gossip-key-file", keyFile(name), "--gossip-timing", "local"];
  return await startServerProcess({
    data: `${folder.path}/${name}`,
    flags: [...own, "--gossip", "127.0.0.1:0", ...flags],
  });
}

function gossipOf(server: ServerProcess): string {
  return /gossip +(\S+) /.exec(server.stdout())?.[1] ?? "";
}

/** Runs a command against a node, which has to succeed. */
async function at(server: ServerProcess, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await refusedAt(server, ...args);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

async function refusedAt(server: ServerProcess, ...args: string[]): Promise<Ended> {
  return await runExecutable(args, { env: { CONVERGE_LEDGER_URL: server.url } });
}

/** Waits until a node sees the members in these states. */
async function sees(server: ServerProcess, states: Readonly<Record<string, string>>): Promise<void> {
  await until(`${JSON.stringify(states)} are seen`, async () => {
    const rows = (await at(server, "members")).split("\n").slice(0, -1);
    const seen = rows.map((row) => row.split("\t").slice(0, 2));
    return Bun.deepEquals(Object.fromEntries(seen), states);
  });
}

beforeAll(async () => {
  expect((await runExecutable(["keygen", "--gossip", "-o", keyFile("a")])).code).toBe(0);
  for (const name of ["b", "c"]) await copyFile(keyFile("a"), keyFile(name));
  a = await startNode("a");
  b = await startNode("b", "--join", gossipOf(a));
  // A list for everybody: one that is away, and this cluster by a name.
  c = await startNode("c", "--join", "127.0.0.1:1", "--join", gossipOf(a).replace("127.0.0.1", "localhost"));
}, 3 * patienceMs);

afterAll(async () => {
  for (const server of [a, b, c]) await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe("a cluster", () => {
  test("forms, and tells on every node who is there", async () => {
    for (const server of [a, b, c]) await sees(server, { a: "alive", b: "alive", c: "alive" });
    const { members } = JSON.parse(await at(b, "members", "--json"));
    expect(members[0]).toMatchObject({
      name: "b",
      isSelf: true,
      gossipAddress: gossipOf(b),
      rpcAddress: b.grpc,
      httpAddress: new URL(b.url).host,
      logName: "converge.local/b",
    });
    const ready = await (await fetch(`${a.url}/readyz`)).text();
    expect(ready).toContain("[+]members 3 alive\n");
    expect(await (await fetch(`${a.url}/metrics`)).text()).toContain(
      'converge_ledger_members{state="alive"} 3\n',
    );
  });

  test("hears nobody with another key, without one, or with another label, and says so on both sides", async () => {
    const key = (await runExecutable(["keygen", "--gossip", "-o", keyFile("other")])).code;
    expect(key).toBe(0);
    const join = ["--gossip", "127.0.0.1:0", "--join", gossipOf(a)];
    for (const flags of [
      ["--gossip-key-file", keyFile("other")],
      [],
      ["--gossip-key-file", keyFile("a"), "--gossip-label", "green"],
    ]) {
      await using stranger = await startServerProcess({ flags: [...join, ...flags] });
      await until("its log says so", () => stranger.stderr().includes("no seed was reached"));
      const { code, stderr } = await refusedAt(stranger, "join", gossipOf(a), "--json");
      expect([code, JSON.parse(stderr).error.reason]).toEqual([1, "NONE_JOINED"]);
    }
    const metrics = await (await fetch(`${a.url}/metrics`)).text();
    for (const reason of ["key", "plain", "label"])
      expect(metrics).toMatch(new RegExp(`gossip_refused_total{reason="${reason}"} [1-9]`));
    await sees(a, { a: "alive", b: "alive", c: "alive" });
  });

  test("changes its key without losing anybody", async () => {
    const made = await runExecutable(["keygen", "--gossip", "-o", keyFile("new"), "--json"]);
    const { id } = JSON.parse(made.stdout);
    const key = (await Bun.file(keyFile("new")).text()).trim();
    const [old = ""] = (await at(a, "keyring", "list")).split("\t");

    expect((await refusedAt(b, "keyring", "use", id)).stderr).toContain("there is no gossip key");
    expect(await at(b, "keyring", "add", key)).toBe(`${old}\t3\t3\n${id}\t3\t0\n`);
    const early = await refusedAt(b, "keyring", "remove", old, "--json");
    expect([early.code, JSON.parse(early.stderr).error.reason]).toEqual([1, "GOSSIP_KEY_PRIMARY"]);
    await at(b, "keyring", "use", id);
    expect(await at(c, "keyring", "remove", old)).toBe(`${id}\t3\t3\n`);

    for (const name of ["a", "b", "c"]) expect(await Bun.file(keyFile(name)).text()).toEndWith(`\n${key}\n`);
    expect(await (await fetch(`${a.url}/metrics`)).text()).toContain("gossip_deaths_total 0\n");
  });

  test("shows who leaves, who crashes and who is back, and forgets the dead", async () => {
    const watch = await spawnExecutable(["members", "--watch"], { env: { CONVERGE_LEDGER_URL: a.url } });
    const told = (what: string, name: string) =>
      until(`${name} has ${what}`, () => watch.stdout().includes(`${what}\t${name}\t`));
    try {
      await until("the members are told", () => watch.stdout().split("\n").length === 4);
      expect(await at(b, "leave")).toBe("left\n");
      await told("left", "b");
      expect((await refusedAt(b, "members")).stderr).toContain("this node has left its cluster");
      expect(await at(b, "join", gossipOf(c))).toStartWith(`${gossipOf(c)}\tjoined\t`);
      await told("joined", "b");

      await c.kill();
      await told("died", "c");
      expect((await refusedAt(a, "members", "forget", "b")).stderr).toContain('member "b" is not dead');
      expect(await at(a, "members", "forget", "c")).toBe("forgotten\tc\n");
      for (const server of [a, b]) await sees(server, { a: "alive", b: "alive" });

      // Its roster is enough: it is not told whom to join.
      await using again = await startNode("c");
      await told("joined", "c");
      await sees(again, { a: "alive", b: "alive", c: "alive" });
      again.signal("SIGTERM");
      expect(await again.exited).toBe(0);
      await sees(b, { a: "alive", b: "alive", c: "dead" });
    } finally {
      watch.process.kill("SIGINT");
    }
    expect(await watch.process.exited).toBe(130);
  });
});
