/** Runs in a sandbox: tries every fault of the network with datagrams, and prints who heard what as one JSON object. */

import { partition } from "../../../scripts/trials/world/network.ts";
import { openNamespaceNetwork } from "../../../scripts/trials/world/namespace-network.ts";
import { runAgainInSandbox, isInSandbox } from "../../../scripts/trials/world/sandbox.ts";
import { lines } from "../../support/lines.ts";
import { temporaryDirectory } from "../../store/temporary-directory.ts";
import { within } from "../../support/until.ts";

if (!isInSandbox()) process.exit(await runAgainInSandbox());

using scratch = temporaryDirectory();
await using network = await openNamespaceNetwork(3, scratch.path);
const { links } = network;
if (links === undefined) throw new Error("a namespace network has links");
const nodes = await Promise.all([0, 1, 2].map(startNode));

const found: Record<string, unknown> = { whole: await everybody() };
await partition(links, [0], [1, 2]);
found["partition"] = await everybody();
await links.heal();
found["healed"] = await everybody();
await links.cut(0, 1);
found["one way"] = await everybody();
await links.mend(0, 1);
found["mended"] = await everybody();
if (links.slow !== undefined) {
  await links.slow(1, { roundTripMs: 400, lossPerMille: 0 });
  found["slow"] = await everybody();
  found["slow ms"] = await onceHeard(0, 1);
  await links.heal();
  await links.slow(1, { roundTripMs: 0, lossPerMille: 500 });
  await Bun.sleep(200);
  found["lost of 200"] = await lostOf(200);
  await links.heal();
}
found["fast ms"] = await onceHeard(0, 1);
console.log(JSON.stringify(found));
for (const { process } of nodes) process.kill();

/** Lets each node send to each other one; returns `from to` of what arrived. */
async function everybody(): Promise<string[]> {
  for (const node of nodes) node.heard.length = 0;
  for (const from of [0, 1, 2]) for (const to of [0, 1, 2]) if (from !== to) send(from, to, `${from}-${to}`);
  await Bun.sleep(600);
  return nodes.flatMap(({ heard }) => heard).sort();
}

async function onceHeard(from: number, to: number): Promise<number> {
  const began = performance.now();
  send(from, to, "timed");
  while (!nodes[to]?.heard.includes("timed")) await Bun.sleep(5);
  const took = performance.now() - began;
  nodes[to]?.heard.splice(0);
  return took;
}

async function lostOf(count: number): Promise<number> {
  nodes[1]?.heard.splice(0);
  for (let i = 0; i < count; i += 1) {
    send(0, 1, `n${i}`);
    await Bun.sleep(2);
  }
  await Bun.sleep(300);
  return count - (nodes[1]?.heard.length ?? 0);
}

function send(from: number, to: number, text: string): void {
  const { stdin } = nodes[from]?.process ?? {};
  void stdin?.write(`${network.place(to).host} ${text}\n`);
  void stdin?.flush();
}

async function startNode(index: number) {
  const script = `${import.meta.dir}/datagram-node.ts`;
  const child = Bun.spawn([...network.place(index).prefix, globalThis.process.execPath, script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const heard: string[] = [];
  const ready = Promise.withResolvers<void>();
  const listen = async (): Promise<void> => {
    for await (const line of lines(child.stdout)) {
      if (line === "ready") ready.resolve();
      else heard.push(line);
    }
  };
  void listen();
  await within("a node is ready", ready.promise);
  return { process: child, heard };
}
