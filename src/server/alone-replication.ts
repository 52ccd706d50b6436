import type { Member } from "../core/member.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Cluster } from "../rpc/cluster.ts";
import type { HolderStatus, ReplicationView } from "../rpc/replication-view.ts";

/** Returns the view of a node that keeps all of its contexts alone: one holder, which is home, and no forks. */
export function aloneReplication(
  ledger: Pick<Ledger, "describe" | "list" | "integrity">,
  cluster: Pick<Cluster, "members">,
): ReplicationView {
  const self = (): Member | undefined => cluster.members().find(({ isSelf }) => isSelf);
  const selfId = (): string => self()?.tags.nodeId ?? "";
  return {
    async contextStatus(contextId) {
      await ledger.describe(contextId);
      const { size: latest, root } = await ledger.integrity.treeHead(
        { kind: "context", contextId },
        undefined,
        "rfc6962",
      );
      const { name, tags: { rpcAddress, canWrite = true } = {} } = self() ?? {};
      const holder: HolderStatus = {
        ...{ nodeId: selfId(), name, rpcAddress, canWrite },
        state: "alive",
        isSelf: true,
        copy: {
          ...{ latest, committed: latest, root },
          promised: undefined,
          accepted: undefined,
          leaving: false,
          pendingArchives: 0,
        },
      };
      const homeNodeId = canWrite ? selfId() : undefined;
      return { contextId, holders: [holder], homeNodeId, copiesRequired: 1, isForked: false, forks: 0 };
    },

    async list(range) {
      const { contexts, more } = await ledger.list(range);
      const homeNodeId = self()?.tags.canWrite === false ? undefined : selfId();
      const shared = { holders: [selfId()], homeNodeId, accepted: undefined, leaving: false };
      return {
        contexts: contexts.map(({ contextId, head: { latest } }) => ({
          ...{ contextId, latest, committed: latest },
          ...shared,
        })),
        more,
      };
    },

    forks: async () => [],
  };
}
