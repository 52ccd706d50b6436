import type { Clock } from "../ledger/ports.ts";
import type { Cluster } from "../rpc/cluster.ts";
import type { Groups, GroupJoin, GroupSeat, GroupSink, GroupView } from "../rpc/groups.ts";
import { tooManySeats } from "../sync/group-errors.ts";
import { type Delivery, type GroupMember, type GroupMessage, GroupTable } from "../sync/groups.ts";

export interface LocalGroupsOptions {
  readonly cluster: Pick<Cluster, "members">;
  readonly clock: Pick<Clock, "nowNs">;
  /** How many watch a context on this node. */
  readonly watchersOf: (contextId: string) => number;
}

/** The groups of a node that is at home to all of its contexts: those who joined here. */
export class LocalGroups implements Groups {
  readonly #options: LocalGroupsOptions;
  readonly #table = new GroupTable<GroupSink>();

  constructor(options: LocalGroupsOptions) {
    this.#options = options;
  }

  async join(request: GroupJoin, sink: GroupSink): Promise<GroupSeat> {
    const { contextId, ...rest } = request;
    const { memberId } = request;
    const member: GroupMember = {
      ...rest,
      nodeId: this.#self.nodeId,
      joinedAtNs: this.#options.clock.nowNs(),
    };
    const { delivery, replaced } = this.#table.join(contextId, sink, member);
    // Before anything else can happen to the group.
    sink.event({ kind: "joined", members: this.#table.members(contextId) });
    deliver(delivery);
    replaced?.ended(tooManySeats());
    return { leave: () => deliver(this.#table.leave(contextId, sink, memberId)) };
  }

  async view(contextId: string): Promise<GroupView> {
    const { nodeId, name, rpcAddress, httpAddress } = this.#self;
    const watchers = this.#options.watchersOf(contextId);
    return {
      members: this.#table.members(contextId),
      servers: [{ nodeId, name, rpcAddress, httpAddress, state: "alive", isHome: true }],
      watchers: watchers === 0 ? [] : [{ nodeId, name, watchers, error: undefined }],
    };
  }

  async broadcast(contextId: string, message: GroupMessage): Promise<number> {
    const { delivery, members } = this.#table.broadcast(contextId, message);
    deliver(delivery);
    return members;
  }

  get #self(): {
    nodeId: string;
    name: string;
    rpcAddress: string | undefined;
    httpAddress: string | undefined;
  } {
    const self = this.#options.cluster.members().find(({ isSelf }) => isSelf);
    const { nodeId = "", rpcAddress, httpAddress } = self?.tags ?? {};
    return { nodeId, name: self?.name ?? "", rpcAddress, httpAddress };
  }
}

function deliver(delivery: Delivery<GroupSink> | undefined): void {
  if (delivery === undefined) return;
  for (const sink of delivery.links) sink.event(delivery.event);
}
