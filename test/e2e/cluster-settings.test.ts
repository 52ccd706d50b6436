/** The settings of a cluster, and readiness before it was heard from, with real processes. */

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { runExecutable, type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(3 * patienceMs);

const folder = temporaryDirectory();
afterAll(() => folder[Symbol.dispose]());

async function startNode(name: string, ...flags: string[]): Promise<ServerProcess> {
  const own = ["--node-name", name, "--gossip-timing", "local", "--gossip", "127.0.0.1:0"];
  return await startServerProcess({ data: `${folder.path}/${name}`, flags: [...own, ...flags] });
}

function gossipOf(server: ServerProcess): string {
  return /gossip +(\S+) /.exec(server.stdout())?.[1] ?? "";
}

async function ready(server: ServerProcess): Promise<[status: number, line: string]> {
  const response = await fetch(`${server.url}/readyz`);
  const line = (await response.text()).split("\n").find((each) => each.includes("]members "));
  return [response.status, line ?? ""];
}

async function names(server: ServerProcess): Promise<string[]> {
  const { stdout } = await runExecutable(["members"], { env: { CONVERGE_LEDGER_URL: server.url } });
  return stdout.split("\n").flatMap((line) => line.split("\t")[0] || []);
}

const unheard = "[-]members has not heard from its cluster since it was started; ";

describe("a node with other settings", () => {
  test("that was started to join stops with exit code 2, and is no member", async () => {
    await using a = await startNode("a");
    const join = ["--gossip", "127.0.0.1:0", "--join", gossipOf(a), "--node-name", "x"];
    const serve = ["serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", `${folder.path}/x`];
    const { code, stderr } = await runExecutable([
      ...serve,
      ...join,
      "--replicas",
      "5",
      "--write-copies",
      "all",
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain(
      `--join: cannot join ${gossipOf(a)}: its cluster has other settings: --replicas is 3 there and 5 here, ` +
        "--write-copies is majority there and all here; to join it, start this node with --replicas 3 --write-copies majority",
    );
    await until("the member's log says so", () => a.stderr().includes("refused a node as a member"));
    expect(await names(a)).toEqual(["a"]);
  });

  test("that is told to join is refused, and both go on as they are", async () => {
    await using a = await startNode("a1");
    await using b = await startNode("b1", "--write-copies", "1");
    const join = await runExecutable(["join", gossipOf(a), "--json"], {
      env: { CONVERGE_LEDGER_URL: b.url },
    });
    expect([join.code, JSON.parse(join.stderr).error.reason]).toEqual([1, "SETTINGS_DIFFER"]);
    expect(JSON.parse(join.stdout).outcomes).toMatchObject([
      { address: gossipOf(a), reason: "SETTINGS_DIFFER" },
    ]);
    expect([await names(a), await names(b), (await ready(b))[0]]).toEqual([["a1"], ["b1"], 200]);
  });
});

describe("a node of a cluster", () => {
  test("is not ready before it has heard from it, also after a restart", async () => {
    await using a = await startNode("a2");
    const address = gossipOf(a);
    expect((await ready(a))[0]).toBe(200);
    await a.kill();

    await using b = await startNode("b2", "--join", address);
    const [status, line] = await ready(b);
    expect([status, line.slice(0, unheard.length)]).toEqual([503, unheard]);
    await using again = await startNode("a2", "--gossip", address);
    await until("b has heard from a", async () => (await ready(b))[0] === 200);
    expect(await names(b)).toEqual(["b2", "a2"]);
    expect((await ready(again))[0]).toBe(200);

    await again.kill();
    await b.kill();
    await using alone = await startNode("b2");
    expect(await ready(alone)).toMatchObject([503, expect.stringContaining(unheard)]);
    const forget = ["members", "forget", "a2"];
    expect((await runExecutable(forget, { env: { CONVERGE_LEDGER_URL: alone.url } })).code).toBe(0);
    expect(await ready(alone)).toEqual([200, "[+]members 1 alive"]);
  });

  test("is not ready without gossip either", async () => {
    await using a = await startNode("a3");
    await using b = await startNode("b3", "--join", gossipOf(a));
    await until("they have met", async () => (await ready(b))[0] === 200);
    await b.kill();
    await using silent = await startServerProcess({ data: `${folder.path}/b3` });
    expect(await ready(silent)).toMatchObject([503, expect.stringContaining("does not gossip")]);
  });
});
