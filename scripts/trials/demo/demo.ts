import { checkHistory } from "../check/check-history.ts";
import type { History } from "../check/history.ts";
import { Recorder } from "../record/recorder.ts";
import { abilitiesOf } from "../world/abilities.ts";
import { Cluster } from "../world/cluster.ts";
import { contextNames } from "../world/context-names.ts";
import { openLoopbackNetwork } from "../world/loopback-network.ts";
import { aliveMembersOf } from "../world/members.ts";
import { openNamespaceNetwork } from "../world/namespace-network.ts";
import { type Network, partition } from "../world/network.ts";
import type { TrialNode } from "../world/node.ts";
import { isInSandbox } from "../world/sandbox.ts";
import { until } from "../world/until.ts";

const nodes = 3;
const pauseMs = 30;

/** Runs the demo and prints it; tells whether every promise was kept. */
export async function tellDemo(executable: string, scratch: string): Promise<boolean> {
  const tell = teller();
  await using network = isInSandbox()
    ? await openNamespaceNetwork(nodes, scratch)
    : await openLoopbackNetwork(nodes);
  await using cluster = await Cluster.prepare({ executable, network, scratch, nodes, replicas: 3 });
  await cluster.start();
  const names = cluster.nodes.map(({ name, url }) => `${name} (${url})`).join(", ");
  tell(`Three nodes have found each other: ${names}.`);
  if (!(await abilitiesOf(executable)).replicates)
    tell("This build keeps no copies on other nodes yet: expect the summary to say so.");
  const contexts = await contextNames(cluster, 3, Date.now() % 1000);
  const recorder = new Recorder({
    ...{ contexts, seed: 1, pauseMs, settleMs: 20_000 },
    targets: () => cluster.nodes,
  });
  try {
    recorder.begin();
    tell(
      "Four writers and a pipeline append to three contexts through whichever node; each node is watched.",
    );
    await Bun.sleep(4_000);
    tell(`${recorder.acknowledgedCount} entries are acknowledged so far.`);
    await killOne({ cluster, recorder, tell });
    await cutOff({ cluster, recorder, tell, network });
    tell("The writers stop; everything that was not answered is asked for once more.");
    const history = await recorder.finish(cluster.nodes, { resetsMax: 0, writeCopies: "majority" });
    return summary(history);
  } finally {
    await recorder.abandon();
  }
}

interface Stage {
  readonly cluster: Cluster;
  readonly recorder: Recorder;
  readonly tell: (text: string) => void;
}

async function killOne({ cluster, recorder, tell }: Stage): Promise<void> {
  const [victim, witness] = [cluster.node(0), cluster.node(1)];
  tell(
    `${victim.name} is killed with -9. It was the home of the first context: the one that gives sequences.`,
  );
  const began = performance.now();
  await victim.kill();
  await gone(witness, victim);
  tell(`${witness.name} has noticed after ${seconds(performance.now() - began)}.`);
  await Bun.sleep(4_000);
  tell(`${recorder.acknowledgedSince(began)} entries were acknowledged by the others since.`);
  await victim.start();
  await cluster.formed();
  tell(`${victim.name} is back, and fetches what it missed.`);
  await Bun.sleep(3_000);
}

async function cutOff({ cluster, recorder, tell, network }: Stage & { network: Network }): Promise<void> {
  const [alone, witness] = [cluster.node(2), cluster.node(0)];
  const began = performance.now();
  if (network.links === undefined) {
    tell(`${alone.name} stands still: its process is stopped, its connections stay open.`);
    alone.stop();
  } else {
    tell(`The network is cut: ${alone.name} on one side, the others on the other. Clients reach both.`);
    await partition(network.links, [2], [0, 1]);
  }
  await gone(witness, alone);
  tell(`${witness.name} has noticed after ${seconds(performance.now() - began)}.`);
  await Bun.sleep(4_000);
  tell(`${recorder.acknowledgedSince(began)} entries were acknowledged where two of three are together.`);
  const healed = performance.now();
  await cluster.heal();
  await cluster.formed();
  tell(`All is whole again; ${seconds(performance.now() - healed)} later all three see each other.`);
  await Bun.sleep(3_000);
}

async function gone(by: TrialNode, node: TrialNode): Promise<void> {
  await until(`${by.name} sees that ${node.name} is gone`, 30_000, async () =>
    (await aliveMembersOf(by.url)).every(({ name }) => name !== node.name),
  );
}

function summary(history: History): boolean {
  const { sent, watches, finals } = history;
  const violations = checkHistory(history);
  const acknowledged = sent.filter((each) => each.acknowledged !== undefined).length;
  const unknown = sent.reduce((sum, { failures }) => sum + failures.length, 0);
  const events = watches.reduce((sum, watch) => sum + watch.events.length, 0);
  console.log("\nSummary");
  console.log(
    `  ${acknowledged} of ${sent.length} entries acknowledged; ${unknown} answers were no acknowledgement`,
  );
  console.log(`  ${events} events watched by ${watches.length} watchers`);
  for (const { node, contextId, entries, root } of finals)
    console.log(
      `  ${node}: "${contextId}" has ${entries.length} entries, root ${root?.slice(0, 16) ?? "none"}`,
    );
  if (violations.length === 0)
    console.log(
      "  every acknowledged entry is there once, as acknowledged; all copies are equal; no watcher missed any",
    );
  for (const violation of violations) console.log(`  NOT as promised: ${violation}`);
  return violations.length === 0;
}

function teller(): (text: string) => void {
  const began = performance.now();
  return (text) => console.log(`${seconds(performance.now() - began).padStart(7)}  ${text}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
