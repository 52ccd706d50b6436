/** Groups of processes over a cluster of executables, as their members see them: by command line and by HTTP. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  type ExecutableChild,
  runExecutable,
  type ServerProcess,
  spawnExecutable,
  startServerProcess,
} from "../support/server-process.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(3 * patienceMs);

interface View {
  readonly members?: readonly { readonly memberId: string; readonly nodeId: string }[];
  readonly servers?: readonly { readonly name: string; readonly state?: string; readonly isHome?: boolean }[];
  readonly watchers?: readonly { readonly name: string; readonly watchers: number }[];
}

const names = ["a", "b", "c"] as const;
type Name = (typeof names)[number];

const folder = temporaryDirectory();
const nodes = new Map<Name, ServerProcess>();
const children: ExecutableChild[] = [];

function node(name: Name): ServerProcess {
  const found = nodes.get(name);
  if (found === undefined) throw new Error(`node ${name} does not run`);
  return found;
}

function gossipOf(server: ServerProcess): string {
  return /gossip +(\S+) /.exec(server.stdout())?.[1] ?? "";
}

/** Starts a node, or starts it again once the others take it for dead. */
async function start(name: Name): Promise<void> {
  const others = [...nodes].filter(([other]) => other !== name).map(([, server]) => gossipOf(server));
  for (const other of nodes.has(name) ? names.filter((one) => one !== name) : [])
    await until("it is dead", async () => {
      const { servers = [] } = await viewOf(other, "any");
      return servers.find((server) => server.name === name)?.state === "MEMBER_STATE_DEAD";
    });
  const flags = ["--node-name", name, "--gossip", "127.0.0.1:0", "--gossip-timing", "local"];
  const join = others.flatMap((address) => ["--join", address]);
  nodes.set(name, await startServerProcess({ data: `${folder.path}/${name}`, flags: [...flags, ...join] }));
}

async function post(name: Name, call: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${node(name).url}/converge.ledger.v1.DiscoveryService/${call}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

async function viewOf(name: Name, contextId: string): Promise<View> {
  return await post(name, "Members", { contextId });
}

async function membersAt(name: Name, contextId: string): Promise<string> {
  const { members = [] } = await viewOf(name, contextId);
  return members.map(({ memberId }) => memberId).join(" ");
}

/** Joins by the command line, and collects what it prints. */
async function join(name: Name, contextId: string, memberId: string): Promise<ExecutableChild> {
  const args = ["groups", "join", contextId, "--member-id", memberId];
  const child = await spawnExecutable(args, { env: { CONVERGE_LEDGER_URL: node(name).url } });
  children.push(child);
  await until(`${memberId} has joined`, () => child.stdout().includes(`member\t${memberId}\t`));
  return child;
}

async function cli(name: Name, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runExecutable(args, {
    env: { CONVERGE_LEDGER_URL: node(name).url },
  });
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

/** Returns a context whose group is kept by a node, once all of them see all. */
async function contextAt(home: Name, prefix: string): Promise<string> {
  for (const name of names)
    await until(`${name} sees all`, async () => {
      const { servers = [] } = await viewOf(name, prefix);
      return servers.filter(({ state }) => state === "MEMBER_STATE_ALIVE").length === names.length;
    });
  for (let n = 0; ; n += 1) {
    const { servers = [] } = await viewOf("a", `${prefix}-${n}`);
    if (servers.find(({ isHome }) => isHome)?.name === home) return `${prefix}-${n}`;
  }
}

function heard(child: ExecutableChild, text: string): Promise<unknown> {
  return until(`${text} is heard`, () => child.stdout().includes(`\t${text}\n`));
}

beforeAll(async () => {
  for (const name of names) await start(name);
}, 3 * patienceMs);

afterAll(async () => {
  for (const child of children) child.process.kill("SIGKILL");
  for (const server of nodes.values()) await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe("a group", () => {
  test("is joined, seen and spoken to at any node", async () => {
    const contextId = await contextAt("b", "any");
    const at = [await join("a", contextId, "m1"), await join("c", contextId, "m2")];
    for (const name of names) expect(await membersAt(name, contextId)).toBe("m1 m2");
    const rows = (await cli("a", "groups", "members", contextId)).split("\n");
    expect(rows.filter((row) => row.startsWith("member\t"))).toHaveLength(2);
    expect(rows.filter((row) => row.endsWith("\thome"))).toEqual([expect.stringContaining("\tb\t")]);
    for (const name of names)
      expect(await cli(name, "groups", "send", contextId, `from ${name}`, "--member-id", "m2")).toMatch(
        /\t2\n$/,
      );
    for (const child of at) await heard(child, "from c");
    at[1]?.process.kill("SIGINT");
    await until("it has left", () => at[0]?.stdout().endsWith("left\tm2\t-\n") === true);
    expect(await membersAt("b", contextId)).toBe("m1");
  });

  test("tells of watchers at the nodes that clients are connected to", async () => {
    const contextId = await contextAt("c", "watched");
    const append = { contextId, key: "k" };
    await fetch(`${node("a").url}/converge.context.v1.ContextService/Append`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(append),
    });
    const abort = new AbortController();
    const watch = (name: Name): Promise<Response> =>
      fetch(`${node(name).url}/v1/contexts/${contextId}/watch`, { signal: abort.signal });
    await Promise.all([watch("a"), watch("a"), watch("b")]);
    await until("they are counted", async () => {
      const { watchers = [] } = await viewOf("c", contextId);
      const counts = Object.fromEntries(watchers.map(({ name, watchers: count }) => [name, count]));
      return Bun.deepEquals(counts, { a: 2, b: 1 });
    });
    abort.abort();
    await until("they are gone", async () => (await viewOf("c", contextId)).watchers === undefined);
  });

  test("outlives kill -9 of its home, and nothing is heard twice", async () => {
    const contextId = await contextAt("c", "kept");
    const at = [await join("a", contextId, "m1"), await join("b", contextId, "m2")];
    await cli("a", "groups", "send", contextId, "before");
    for (const child of at) await heard(child, "before");
    await node("c").kill();
    const sent = await until("it is sent", async () => {
      const { id, members } = await post("a", "Broadcast", { contextId, payload: btoa("during") });
      return id !== undefined && { members };
    });
    expect(sent).toEqual({ members: 2 });
    for (const child of at) await heard(child, "during");
    expect(await membersAt("b", contextId)).toBe("m1 m2");
    expect(at.map((child) => child.stdout().split("during").length)).toEqual([2, 2]);

    await start("c");
    await until("the home is back", async () => {
      const { servers = [], members = [] } = await viewOf("c", contextId);
      return servers.find(({ isHome }) => isHome)?.name === "c" && members.length === 2;
    });
    await cli("c", "groups", "send", contextId, "after");
    for (const child of at) await heard(child, "after");
    expect(at.map((child) => child.stdout().split("after").length)).toEqual([2, 2]);
    // They were connected to other nodes all the time: nobody has left or joined again.
    for (const child of at) expect(child.stdout()).not.toContain("left\t");
  });

  test("loses the members of a node that is killed within the detection time", async () => {
    const contextId = await contextAt("a", "lost");
    const [one, _two] = [await join("a", contextId, "m1"), await join("b", contextId, "m2")];
    await until("both are there", () => /^(joined|member)\tm2\t/m.test(one.stdout()));
    await node("b").kill();
    await until("one has left", () => one.stdout().includes("left\tm2\t"));
    expect(await membersAt("c", contextId)).toBe("m1");
    await start("b");
  });

  test("loses the members of a node that leaves, and has them again when it is back", async () => {
    const contextId = await contextAt("a", "left");
    const [one, two] = [await join("a", contextId, "m1"), await join("b", contextId, "m2")];
    await until("both are there", () => /^(joined|member)\tm2\t/m.test(one.stdout()));
    await cli("b", "leave");
    await until("one has left", () => one.stdout().includes("left\tm2\t"));
    expect(await membersAt("c", contextId)).toBe("m1");
    await cli("b", "join", gossipOf(node("a")));
    await until("both are there again", async () => (await membersAt("c", contextId)) === "m1 m2");
    await cli("c", "groups", "send", contextId, "all");
    for (const child of [one, two]) await heard(child, "all");
  });
});
