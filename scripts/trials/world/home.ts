import { createHash } from "node:crypto";
import type { Cluster } from "./cluster.ts";
import { aliveMembersOf } from "./members.ts";
import type { TrialNode } from "./node.ts";

/**
 * The nodes in the order in which a context prefers them, those that do not run left out: its home is the first. Computed
 * from the node ids as the design says, not asked of the cluster, which the trial does not trust.
 */
export async function orderOf(cluster: Cluster, contextId: string): Promise<readonly TrialNode[]> {
  const weighed: { readonly node: TrialNode; readonly weight: string }[] = [];
  for (const node of cluster.running) {
    const self = (await aliveMembersOf(node.url)).find(({ name }) => name === node.name);
    if (self === undefined) throw new Error(`${node.name} does not list itself`);
    weighed.push({ node, weight: weightOf(contextId, self.nodeId) });
  }
  return weighed.sort((a, b) => (a.weight > b.weight ? -1 : 1)).map(({ node }) => node);
}

/** The home of a context among the nodes that run. */
export async function homeOf(cluster: Cluster, contextId: string): Promise<TrialNode> {
  const [home] = await orderOf(cluster, contextId);
  if (home === undefined) throw new Error("No node runs");
  return home;
}

/** Eight bytes in hexadecimal, whose order is that of the numbers. */
function weightOf(contextId: string, nodeId: string): string {
  const id = Buffer.from(contextId);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(id.length);
  const message = Buffer.concat([length, id, Buffer.from(nodeId, "hex")]);
  return createHash("sha256").update(message).digest("hex").slice(0, 16);
}
