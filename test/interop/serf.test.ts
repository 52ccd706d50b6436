/** Built executables and `serf agent` in one cluster. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { lines } from "../support/lines.ts";
import { patienceMs, until, within } from "../support/until.ts";
import { gossipKey, loopbackNetwork } from "./memberlist/cluster.ts";
import { type ExecutableNode, startExecutableNode } from "./memberlist/executable-node.ts";

/** The longest suspicion of the lan timing, a round of probes before it, and time for a busy machine. */
const deathKnownMs = 24_000 + 6000 + patienceMs;
setDefaultTimeout(deathKnownMs + 2 * patienceMs);

const serf = Bun.which("serf");
const lacks = serf === null ? " (needs serf)" : "";

/** A member as `serf members -format=json` has it. */
interface SerfMember {
  readonly name: string;
  readonly addr: string;
  readonly status: "alive" | "leaving" | "left" | "failed" | "none";
  readonly tags: Readonly<Record<string, string>>;
}

interface SerfAgent extends AsyncDisposable {
  readonly name: string;
  /** HOST:PORT of its gossip. */
  readonly address: string;
  members(): Promise<readonly SerfMember[]>;
  /** Runs another command of serf with this agent. */
  command(...args: readonly string[]): Promise<void>;
  log(): string;
}

describe.skipIf(serf === null)(`serf agents and ours in one cluster${lacks}`, () => {
  test.concurrent.each([
    ["in plain text", undefined],
    ["with a key", gossipKey()],
  ])("see each other come, with their tags, and go: %s", async (_, key) => {
    using directory = temporaryDirectory();
    const address = loopbackNetwork();
    const sealed = key === undefined ? {} : { key, keyFile: writeKey(directory.path, key) };
    await using serf1 = await startSerf({ name: "serf1", bind: address(), key });
    await using serf2 = await startSerf({ name: "serf2", bind: address(), key });
    await using ours1 = await startExecutableNode({
      name: "ours1",
      bind: address(),
      join: [serf1.address],
      ...sealed,
    });
    await using ours2 = await startExecutableNode({ name: "ours2", bind: address(), ...sealed });
    await serf2.command("join", ours1.address);
    await ours2.join(serf2.address);
    const names = ["ours1", "ours2", "serf1", "serf2"];
    const everyone = names.map((name) => `${name} alive`);
    for (const agent of [serf1, serf2])
      await until(`${agent.name} sees all`, async () => same(await seenBySerf(agent), everyone));
    for (const node of [ours1, ours2])
      await until(`${node.name} sees all`, async () => same(await seenByOurs(node), everyone));

    const { nodeId, rpcAddress, httpAddress, version, logName, protocolMin, protocolMax } =
      await ours1.member("ours2");
    const shown = (await serf1.members()).find(({ name }) => name === "ours2");
    expect(shown?.tags).toEqual({
      ...{
        id: nodeId ?? "",
        rpc: rpcAddress ?? "",
        http: httpAddress ?? "",
        v: version ?? "",
        log: logName ?? "",
      },
      ...{ r: "3", w: "majority", cw: "1" },
      p: `${protocolMin}-${protocolMax}`,
    });
    expect(shown?.addr).toBe(ours2.address);

    await ours1.kill();
    for (const agent of [serf1, serf2])
      await until(
        `${agent.name} sees ours die`,
        async () => (await seenBySerf(agent)).includes("ours1 failed"),
        deathKnownMs,
      );
    await serf2.command("leave");
    await until("ours sees serf leave", async () => (await seenByOurs(ours2)).includes("serf2 left"));
    // To serf, who leaves without a message of serf's own has failed.
    await ours2.leave();
    await until("serf sees ours leave", async () => (await seenBySerf(serf1)).includes("ours2 failed"));
    expect(
      serf1
        .log()
        .split("\n")
        .filter((line) => /\[ERR\]|incompatible/.test(line)),
    ).toEqual([]);
  });
});

async function startSerf({
  name,
  bind,
  key,
}: {
  readonly name: string;
  readonly bind: string;
  readonly key: string | undefined;
}): Promise<SerfAgent> {
  const address = `${bind}:7946`;
  const rpc = `-rpc-addr=${bind}:7373`;
  const seal = key === undefined ? [] : [`-encrypt=${key}`];
  const command = ["serf", "agent", `-node=${name}`, `-bind=${address}`, rpc, "-profile=lan", ...seal];
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const line of lines(stream)) log += `${line}\n`;
  };
  const done = Promise.all([read(child.stdout), read(child.stderr)]);
  const ask = async (args: readonly string[]): Promise<string> => {
    const [verb = "", ...rest] = args;
    const asking = Bun.spawn(["serf", verb, rpc, ...rest], { stdio: ["ignore", "pipe", "pipe"] });
    try {
      const output = Promise.all([asking.stdout.text(), asking.stderr.text(), asking.exited]);
      const [out, err, code] = await within(`serf ${verb} answers`, output);
      if (code !== 0) throw new Error(`serf ${args.join(" ")} ended with ${code}: ${out}${err}`);
      return out;
    } finally {
      asking.kill("SIGKILL");
    }
  };
  const agent: SerfAgent = {
    name,
    address,
    log: () => log,
    members: async () =>
      (JSON.parse(await ask(["members", "-format=json"])) as { readonly members: SerfMember[] }).members,
    command: async (...args) => void (await ask(args)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await done;
    },
  };
  await until(`${name} starts`, async () => (await agent.members()).length === 1).catch(
    async (error: unknown) => {
      await agent[Symbol.asyncDispose]();
      throw new Error(log, { cause: error });
    },
  );
  return agent;
}

function writeKey(directory: string, key: string): string {
  const path = join(directory, "gossip.key");
  writeFileSync(path, `${key}\n`);
  chmodSync(path, 0o600);
  return path;
}

async function seenBySerf(agent: SerfAgent): Promise<string[]> {
  return (await agent.members()).map(({ name, status }) => `${name} ${status}`);
}

async function seenByOurs(node: ExecutableNode): Promise<string[]> {
  return (await node.members()).map(({ name, state }) => `${name} ${state}`);
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join() === other.toSorted().join();
}
