import { Cluster, type ClusterOptions } from "../../../trials/world/cluster.ts";
import { openLoopbackNetwork } from "../../../trials/world/loopback-network.ts";
import { type Bench, scratchDirectory } from "../../run/bench.ts";

export interface OpenCluster extends AsyncDisposable {
  readonly cluster: Cluster;
}

/** Prepares a cluster of the measured executable on 127.0.0.1, where the load generator reaches it; starts none of its nodes. */
export async function openCluster(
  bench: Bench,
  options: Pick<ClusterOptions, "nodes"> & Partial<ClusterOptions>,
): Promise<OpenCluster> {
  const [executable, ...more] = bench.server;
  if (executable === undefined || more.length > 0)
    throw new Error("The row cluster needs --server to be one executable");
  const stack = new AsyncDisposableStack();
  const { path: scratch } = stack.use(await scratchDirectory(bench, "cluster"));
  const network = stack.use(await openLoopbackNetwork(options.nodes, { oneAddress: true }));
  const cluster = stack.use(await Cluster.prepare({ executable, network, scratch, ...options }));
  return { cluster, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}
