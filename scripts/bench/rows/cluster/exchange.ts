import { join } from "node:path";
import { finalCopyOf } from "../../../trials/record/final-copy.ts";
import { flipBit } from "../../../trials/world/flip-bit.ts";
import { methods, mustCall } from "../../../trials/world/call.ts";
import type { Cluster } from "../../../trials/world/cluster.ts";
import { contextNames } from "../../../trials/world/context-names.ts";
import type { TrialNode } from "../../../trials/world/node.ts";
import type { Line } from "../../line.ts";
import { fillContext } from "../../peers/ledger.ts";
import type { Bench } from "../../run/bench.ts";
import { until } from "../../run/until.ts";
import { peerBytes } from "./metric.ts";
import { openCluster } from "./open-cluster.ts";

const kb = 1024;
const atLeastKb = 20;
const mendedMsMax = 600_000;

/** What makes two copies of one long context differ in one entry. Nodes that it leaves stopped are started afterwards. */
interface Difference {
  readonly what: string;
  readonly writeCopies: "1" | "majority";
  readonly make: (cluster: Cluster, contextId: string) => Promise<void>;
}

const differences: readonly Difference[] = [
  {
    what: "one damaged entry",
    writeCopies: "majority",
    make: async (cluster) => {
      const node = cluster.node(1);
      await node.end();
      if (flipBit(join(node.settings.data, "ledger.db"), /the one that is damaged/) === undefined)
        throw new Error("the entry that is to be damaged is not in the file");
    },
  },
  {
    what: "a missing tail of one",
    writeCopies: "majority",
    make: async (cluster, contextId) => {
      await cluster.node(2).end();
      await append(cluster.node(0), contextId, "the one that is missed");
    },
  },
  {
    what: "a fork of one",
    writeCopies: "1",
    make: async (cluster, contextId) => {
      const others = [cluster.node(1), cluster.node(2)];
      for (const node of others) node.stop();
      await append(cluster.node(0), contextId, "one side");
      await cluster.node(0).kill();
      for (const node of others) node.resume();
      await until("the other side takes appends", mendedMsMax, async () => {
        await append(cluster.node(1), contextId, "the other side");
        return true;
      });
    },
  },
];

/** Bytes that nodes exchange to find and mend one entry of a long context. */
export async function exchangeLines(bench: Bench): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const difference of differences) {
    const bytes = await bytesToMend(bench, difference);
    if (bytes === undefined) {
      bench.log(`cluster: nodes do not count the bytes of their exchange: ${difference.what} is left out`);
      continue;
    }
    const ours = { value: bytes / kb, unit: "KB" } as const;
    lines.push({
      what: `exchanged to find and mend ${difference.what}`,
      ours,
      bar: { score: ours, better: "less", atLeast: atLeastKb },
    });
  }
  return lines;
}

async function bytesToMend(bench: Bench, { writeCopies, make }: Difference): Promise<number | undefined> {
  const flags = ["--scrub-rate", "1000000"];
  await using opened = await openCluster(bench, { nodes: 3, writeCopies, flags });
  const { cluster } = opened;
  await cluster.start();
  if ((await peerBytes(cluster)) === undefined) return undefined;
  const [contextId = ""] = await contextNames(cluster, 1, 0);
  await append(cluster.node(0), contextId, "the one that is damaged");
  await fillContext(cluster.node(0).url, { contextId, entries: bench.clusterEntries, bytesEach: undefined });
  await until("all copies are equal", mendedMsMax, async () => await areEqual(cluster, contextId));
  await make(cluster, contextId);
  // Counters of a node that was stopped begin again at 0, so the difference is taken from here on.
  const before = (await peerBytes(cluster)) ?? 0;
  await cluster.heal();
  await cluster.formed();
  await until("all copies are equal again", mendedMsMax, async () => await areEqual(cluster, contextId));
  return ((await peerBytes(cluster)) ?? 0) - before;
}

async function areEqual(cluster: Cluster, contextId: string): Promise<boolean> {
  const copies = await Promise.all(cluster.running.map(async (node) => await finalCopyOf(node, contextId)));
  const [first] = copies;
  return copies.every(
    ({ root, entries }) =>
      root === first?.root &&
      entries.length === first?.entries.length &&
      entries.every(({ hashFits }) => hashFits),
  );
}

async function append({ url }: TrialNode, contextId: string, text: string): Promise<void> {
  const request = { contextId, key: "facts", payload: btoa(text), idempotencyKey: text };
  await mustCall({ url, method: methods.append, request });
}
