import { asError } from "../../core/as-error.ts";
import { LedgerError, quote } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { MemberState } from "../../core/member.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import { copiesRequired } from "../../core/write-copies.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Cluster } from "../../rpc/cluster.ts";
import type {
  ContextStatus,
  ContextSummary,
  CopyStatus,
  ForkStatus,
  HolderStatus,
  ReplicationView,
} from "../../rpc/replication-view.ts";
import type { Holding } from "../../sync/peer-messages.ts";
import { homeOf } from "../../sync/view.ts";
import type { ClusterNode } from "./cluster-node.ts";

/** How long one holder may take to say what it has. */
const askMs = 2000;

type Answer = Holding | { readonly error: string };

/** Where copies are, in a cluster: this node asks the holders. */
export class ClusterReplication implements ReplicationView {
  readonly #node: ClusterNode;
  readonly #ledger: Ledger;
  readonly #cluster: Pick<Cluster, "members">;

  constructor(node: ClusterNode, ledger: Ledger, cluster: Pick<Cluster, "members">) {
    this.#node = node;
    this.#ledger = ledger;
    this.#cluster = cluster;
  }

  async contextStatus(contextId: string, signal: AbortSignal): Promise<ContextStatus> {
    const { replication, view, rules } = this.#node.running;
    const nodeIds = await replication.locate(contextId);
    const answers = await Promise.all(nodeIds.map((nodeId) => this.#ask(nodeId, contextId, signal)));
    if (!answers.some((answer) => !("error" in answer))) throw notFound(contextId);
    const holders = await Promise.all(
      nodeIds.map((nodeId, index) => this.#holder(contextId, nodeId, answers[index] ?? noCopy)),
    );
    const forks = await this.#ledger.replicas.forks(contextId, limits.forksPerContextMax);
    return {
      ...{ contextId, holders, homeNodeId: homeOf(nodeIds, view) },
      copiesRequired: copiesRequired(rules.writeCopies, nodeIds.length),
      isForked: await this.#isForked(contextId, nodeIds, answers),
      forks: forks.length,
    };
  }

  async list(
    range: Parameters<ReplicationView["list"]>[0],
  ): Promise<Awaited<ReturnType<ReplicationView["list"]>>> {
    const { view } = this.#node.running;
    const { contexts, more } = await this.#ledger.list(range);
    const summaries = contexts.map(async ({ contextId, head }): Promise<ContextSummary> => {
      const replica = await this.#ledger.replicas.replica(contextId);
      const { holders = [view.selfId], accepted, leaving = false } = replica ?? {};
      const committed = Math.max(replica?.committed ?? 0, head.latest);
      return {
        ...{ contextId, holders, homeNodeId: homeOf(holders, view), accepted, leaving },
        ...{ latest: head.latest, committed: replica === undefined ? head.latest : committed },
      };
    });
    return { contexts: await Promise.all(summaries), more };
  }

  async forks(contextId: string | undefined, limit: number): Promise<readonly ForkStatus[]> {
    const { replicas } = this.#ledger;
    const [records, archives] = await Promise.all([
      replicas.forks(contextId, limit),
      replicas.archives(contextId),
    ]);
    return records.map((fork) => ({
      ...fork,
      isPending: archives.some(
        (archive) => archive.contextId === fork.contextId && archive.first === fork.after + 1,
      ),
    }));
  }

  async #ask(nodeId: string, contextId: string, signal: AbortSignal): Promise<Answer> {
    const { replication, view, network } = this.#node.running;
    try {
      const { holding } =
        nodeId === view.selfId
          ? await replication.holding(contextId)
          : await network.call(nodeId, "holding", { contextId }, { timeoutMs: askMs, signal });
      return holding ?? noCopy;
    } catch (error) {
      return { error: asError(error).message };
    }
  }

  async #holder(contextId: string, nodeId: string, answer: Answer): Promise<HolderStatus> {
    const { view } = this.#node.running;
    const isSelf = nodeId === view.selfId;
    const member = this.#cluster.members().find(({ tags }) => tags.nodeId === nodeId);
    const known = this.#ledger.roster.members().find((one) => one.nodeId === nodeId);
    const state: MemberState | undefined = isSelf ? "alive" : member?.state;
    const archives = isSelf ? await this.#ledger.replicas.archives(contextId) : [];
    return {
      ...{ nodeId, isSelf, state, canWrite: view.canWrite(nodeId) },
      name: member?.name ?? known?.name,
      rpcAddress: member?.tags.rpcAddress ?? known?.rpcAddress,
      copy: "error" in answer ? answer : copyOf(answer, archives.length),
    };
  }

  /** Compares copies of equal length by their roots, and shorter ones with the beginning of this node's, if it has one. */
  async #isForked(
    contextId: string,
    nodeIds: readonly string[],
    answers: readonly Answer[],
  ): Promise<boolean> {
    const { replication, view } = this.#node.running;
    const copies = answers.filter((answer): answer is Holding => !("error" in answer));
    for (const one of copies)
      for (const other of copies)
        if (one.latest === other.latest && !sameBytes(one.root, other.root)) return true;
    const own = answers[nodeIds.indexOf(view.selfId)];
    if (own === undefined || "error" in own) return false;
    for (const { latest, root } of copies) {
      if (latest === 0 || latest >= own.latest) continue;
      if (!sameBytes(await replication.rootAt(contextId, latest), root)) return true;
    }
    return false;
  }
}

const noCopy = { error: "it has nothing of the context" } as const;

function copyOf(
  { latest, committed, root, promised, accepted, leaving }: Holding,
  pendingArchives: number,
): CopyStatus {
  return { latest, committed, root, promised, accepted, leaving, pendingArchives };
}

function notFound(contextId: string): LedgerError {
  return new LedgerError("NOT_FOUND", `no holder that answered has context ${quote(contextId)}`, {
    ...{ reason: "CONTEXT_NOT_FOUND", field: "context_id", value: contextId.slice(0, 64) },
    remedy: "check the id, or append its first entry",
  });
}
