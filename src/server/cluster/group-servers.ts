import type { RosterMember } from "../../ledger/ports.ts";
import type { Cluster } from "../../rpc/cluster.ts";
import type { GroupServer } from "../../rpc/groups.ts";

/** Where it is known who is called what. */
export interface NodeNames {
  readonly cluster: Pick<Cluster, "members">;
  readonly roster: () => readonly RosterMember[];
}

/** Returns the nodes that serve a context, as clients are told of them. */
export function groupServers(
  holders: readonly string[],
  home: string | undefined,
  { cluster, roster }: NodeNames,
): readonly GroupServer[] {
  const members = cluster.members();
  return holders.map((nodeId) => {
    const all = members.filter(({ tags }) => tags.nodeId === nodeId);
    // Of two that say they are the same node, the one that is alive counts.
    const member = all.find(({ state }) => state === "alive" || state === "suspect") ?? all[0];
    const known = roster().find((one) => one.nodeId === nodeId);
    return {
      nodeId,
      name: member?.name ?? known?.name ?? "",
      rpcAddress: member?.tags.rpcAddress ?? known?.rpcAddress,
      httpAddress: member?.tags.httpAddress,
      state: member?.isSelf === true ? "alive" : member?.state,
      isHome: nodeId === home,
    };
  });
}
