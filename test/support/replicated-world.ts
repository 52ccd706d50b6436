import { LedgerError } from "../../src/core/errors.ts";
import type { WriteCopies } from "../../src/core/write-copies.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { inflate } from "../../src/node/inflate.ts";
import { Replication } from "../../src/node/replication/replication.ts";
import { createSystemClock } from "../../src/node/system-clock.ts";
import { systemRandom } from "../../src/node/system-random.ts";
import { createZstd } from "../../src/node/zstd.ts";
import { ClusterLedger } from "../../src/server/cluster-ledger.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import type { PeerCallKind } from "../../src/sync/peer-messages.ts";
import type { Peers } from "../../src/node/peers/peers.ts";
import type { ClusterView } from "../../src/sync/view.ts";
import { FakeSigner } from "./fake-signer.ts";
import { hasher } from "./ledger-world.ts";
import { silentLog } from "./silent-log.ts";

export interface ReplicatedNode {
  readonly nodeId: string;
  readonly local: Ledger;
  readonly replication: Replication;
  readonly ledger: ClusterLedger;
}

/** Nodes that really keep copies of each other's contexts, in one process. */
export class ReplicatedWorld implements Disposable {
  readonly nodes: readonly ReplicatedNode[];
  readonly dead = new Set<string>();
  readonly cut = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #streams = new Set<{ readonly nodeId: string; readonly abort: AbortController }>();

  constructor(options: { nodes: number; replicas: number; writeCopies: WriteCopies }) {
    const { replicas, writeCopies } = options;
    const ids = Array.from({ length: options.nodes }, (_, index) => String(index + 1).padStart(32, "0"));
    const zstd = createZstd();
    const clock = createSystemClock();
    this.nodes = ids.map((nodeId) => {
      const local = new Ledger({
        ...{ store: createMemoryStore(), clock, random: systemRandom, hasher, zstd, inflate, scrubRate: 0 },
        ...{ signer: new FakeSigner(), observer: { commit() {}, found() {}, healed() {}, scrubFailed() {} } },
      });
      const common = { peers: this.#peersOf(nodeId), view: this.#viewOf(nodeId, ids), clock, hasher };
      const replication = new Replication({
        ...{ ...common, replicas: local.replicas, rules: { replicas, writeCopies }, log: silentLog },
        random: Math.random,
        appendMoved: (contextId, lost) => local.appendMoved(contextId, lost),
      });
      const ledger = new ClusterLedger({ ...common, local, routing: replication, random: Math.random });
      return { nodeId, local, replication, ledger };
    });
  }

  /** Returns the nodes that keep a context, its home first, then the others. */
  async ordered(contextId: string): Promise<readonly [ReplicatedNode, ...ReplicatedNode[]]> {
    const holders = (await this.nodes[0]?.replication.locate(contextId)) ?? [];
    const rest = this.nodes.filter(({ nodeId }) => !holders.includes(nodeId));
    const [first, ...others] = [
      ...holders.flatMap((nodeId) => this.nodes.filter((node) => node.nodeId === nodeId)),
      ...rest,
    ];
    if (first === undefined) throw new Error("there are no nodes");
    return [first, ...others];
  }

  kill({ nodeId }: ReplicatedNode): void {
    this.dead.add(nodeId);
    for (const stream of this.#streams) if (stream.nodeId === nodeId) stream.abort.abort();
    for (const listener of this.#listeners) listener();
  }

  [Symbol.dispose](): void {
    for (const { replication } of this.nodes) replication.stop();
  }

  #viewOf(selfId: string, ids: readonly string[]): ClusterView {
    return {
      selfId,
      roster: () => ids,
      isAlive: (nodeId) => !this.dead.has(nodeId),
      canWrite: () => true,
      hasExchanged: true,
      nameOf: (nodeId) => `n${Number(nodeId)}`,
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  #target(from: string, nodeId: string): ReplicatedNode {
    const node = this.nodes.find((other) => other.nodeId === nodeId);
    if (
      node === undefined ||
      this.dead.has(nodeId) ||
      this.dead.has(from) ||
      this.cut.has(`${from}>${nodeId}`)
    )
      throw new LedgerError("UNAVAILABLE", "cut", { reason: "PEER_UNREACHABLE" });
    return node;
  }

  #peersOf(from: string): Peers {
    return {
      call: async (nodeId, kind, request, { signal = new AbortController().signal }) => {
        const { replication, ledger } = this.#target(from, nodeId);
        const any = request as never;
        const answers: Partial<Record<PeerCallKind, () => unknown>> = {
          replicate: () => replication.replicate(any),
          prepare: () => replication.prepare(any),
          adopt: () => replication.adopt(from, any),
          nodes: () => replication.nodes(any),
          rows: () => replication.rows(any),
          holding: () => replication.holding((any as { contextId: string }).contextId),
          digest: () => replication.digest(from, any),
          bucket: () => replication.bucket(from, any),
          offer: () => replication.offer(any),
          forward: () => ledger.handleForward(from, any, signal),
        };
        const answer = await answers[kind]?.();
        if (this.dead.has(nodeId)) throw new LedgerError("UNAVAILABLE", "lost", { reason: "PEER_LOST" });
        return answer as never;
      },
      open: (nodeId, _kind, body, signal) => this.#open(from, nodeId, body, signal),
    };
  }

  async *#open(
    from: string,
    nodeId: string,
    body: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const node = this.#target(from, nodeId);
    const abort = new AbortController();
    const stream = { nodeId, abort };
    this.#streams.add(stream);
    const gone = Promise.withResolvers<never>();
    gone.promise.catch(() => {});
    signal.addEventListener("abort", () => abort.abort());
    abort.signal.addEventListener("abort", () =>
      gone.reject(new LedgerError("UNAVAILABLE", "lost", { reason: "PEER_LOST" })),
    );
    const items = node.ledger.handleOpen(from, body, abort.signal);
    try {
      for (;;) {
        const next = await Promise.race([items.next(), gone.promise]);
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      this.#streams.delete(stream);
      abort.abort();
    }
  }
}
