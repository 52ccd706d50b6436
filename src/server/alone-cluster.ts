import { LedgerError } from "../core/errors.ts";
import type { Member, MemberTags } from "../core/member.ts";
import type { Cluster } from "../rpc/cluster.ts";

/** What a node without gossip says of itself. */
export interface AloneNode {
  readonly name: string;
  readonly tags: MemberTags;
}

/** Returns the cluster of a node without gossip: itself. `self` is asked each time, because listeners choose their ports late. */
export function aloneCluster(self: () => AloneNode, sinceMs: number): Cluster {
  const member = (): Member => ({
    ...self(),
    gossipAddress: "",
    state: "alive",
    incarnation: 0,
    stateSinceMs: sinceMs,
    isSelf: true,
  });
  const off = (): Promise<never> => Promise.reject(gossipOff());
  return {
    status: () => undefined,
    counts: () => undefined,
    members: () => [member()],
    onChange: () => () => {},
    join: off,
    leave: off,
    forget: off,
    listKeys: off,
    addKey: off,
    useKey: off,
    removeKey: off,
  };
}

function gossipOff(): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", "this node does not gossip, so it has no cluster", {
    reason: "GOSSIP_OFF",
    remedy: "start it with --gossip HOST:PORT",
  });
}
