import { agreeOn, all, loopbackNetwork } from "./cluster.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { type ExecutableNode, startExecutableNode } from "./executable-node.ts";
import { type GoPeer, startGoPeer } from "./go-peer.ts";

/** A cluster of both kinds, in which everyone knows everyone. */
export interface MixedCluster extends AsyncDisposable {
  readonly go: readonly [GoPeer, GoPeer, GoPeer];
  readonly ours: readonly [ExecutableNode, ExecutableNode, ExecutableNode];
  readonly nodes: readonly ClusterNode[];
}

/** Starts three nodes of either kind. Of each kind one joins the other kind when it starts or later, and one is joined. */
export async function startMixedCluster(): Promise<MixedCluster> {
  const address = loopbackNetwork();
  await using started = new AsyncDisposableStack();
  const go = async (name: string) => started.use(await startGoPeer({ name, bind: address() }));
  const ours = async (name: string, join: readonly string[]) =>
    started.use(await startExecutableNode({ name, bind: address(), join }));
  const [go1, go2, go3] = [await go("go1"), await go("go2"), await go("go3")];
  const [ours1, ours2, ours3] = [
    await ours("ours1", []),
    await ours("ours2", [go2.address]),
    await ours("ours3", []),
  ];
  await go1.join(ours1.address);
  await go2.join(ours1.address);
  await ours3.join(go1.address);
  await go3.join(ours3.address);
  const nodes = [go1, go2, go3, ours1, ours2, ours3];
  await agreeOn(nodes, all("alive", nodes));
  const kept = started.move();
  return {
    go: [go1, go2, go3],
    ours: [ours1, ours2, ours3],
    nodes,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
