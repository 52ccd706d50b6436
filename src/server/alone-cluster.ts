import { LedgerError } from "../core/errors.ts";
import type { Member, MemberTags } from "../core/member.ts";
import type { Cluster } from "../rpc/cluster.ts";

/** What a node without gossip says of itself. */
export interface AloneNode {
  readonly name: string;
  readonly tags: MemberTags;
}

export interface AloneClusterOptions {
  /** Asked each time, because listeners choose their ports late. */
  readonly self: () => AloneNode;
  readonly sinceMs: number;
  /** Tells if others are on the roster of this node, which then is no cluster of its own and should gossip. */
  readonly hasOthers: () => boolean;
}

/** Returns the cluster of a node without gossip: itself. */
export function aloneCluster({ self, sinceMs, hasOthers }: AloneClusterOptions): Cluster {
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
    hasExchanged: () => !hasOthers(),
    onExchanged: () => () => {},
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
