import { LedgerError } from "../../src/core/errors.ts";
import type { LedgerApi } from "../../src/ledger/ledger-api.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { createSystemClock } from "../../src/node/system-clock.ts";
import { ClusterLedger } from "../../src/server/cluster-ledger.ts";
import { type ClusterTiming, clusterTiming } from "../../src/server/cluster/cluster-parts.ts";
import type { ContextRouting, Route } from "../../src/server/cluster/context-routing.ts";
import type { Peers } from "../../src/node/peers/peers.ts";
import type { ClusterView } from "../../src/sync/view.ts";
import { hasher, ledgerWorld, type LedgerWorld, seededRandom } from "./ledger-world.ts";

const timing: ClusterTiming = {
  ...clusterTiming,
  ...{ appendRetryMs: 300, readRetryMs: 60, retryMsMin: 1, retryMsMax: 10, forwardMs: 1000 },
  ...{ copyLagMs: 30, minCopiesMs: 50, watchResumeMs: 500, listMs: 200, loadIdleMs: 1000 },
};

/** What one node believes of all contexts. */
export class FakeRouting implements ContextRouting {
  home: string | undefined;
  holders: readonly string[];
  /** What the next calls of `lead` fail with. */
  readonly leadFailures: LedgerError[] = [];
  /** What `relocate` makes this node believe. */
  relocated: string | undefined;
  copies = 1;
  isLeading = false;
  readonly asked: string[] = [];

  constructor(
    readonly selfId: string,
    holders: readonly string[],
  ) {
    this.holders = holders;
    this.home = holders[0];
  }

  isWritable(): boolean {
    return this.isLeading && this.home === this.selfId;
  }

  isCurrent(): boolean {
    return this.isWritable();
  }

  async route(): Promise<Route> {
    if (this.home === undefined) throw refusal("NO_HOME");
    return this.home === this.selfId ? { kind: "here" } : { kind: "there", nodeId: this.home };
  }

  async locate(): Promise<readonly string[]> {
    return this.holders;
  }

  async relocate(): Promise<void> {
    this.asked.push("relocate");
    this.home = this.relocated ?? this.home;
  }

  async lead(): Promise<void> {
    this.asked.push("lead");
    const failure = this.leadFailures.shift();
    if (failure !== undefined) throw failure;
    if (this.home !== this.selfId) throw refusal("NOT_HOME");
    this.isLeading = true;
  }

  async readable(): Promise<void> {
    this.asked.push("readable");
  }

  copiesOf(): { copies: number; holders: number } {
    return { copies: this.copies, holders: this.holders.length };
  }

  async copied(_contextId: string, _sequence: number, minCopies: number): Promise<void> {
    if (this.copies < minCopies) throw refusal("MIN_COPIES_NOT_REACHED");
  }
}

export function refusal(reason: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `refused: ${reason}`, { reason });
}

export interface ClusterNode {
  readonly nodeId: string;
  readonly world: LedgerWorld;
  /** What replication would make of this node's copy. */
  readonly local: Ledger;
  readonly routing: FakeRouting;
  readonly ledger: ClusterLedger;
}

/** Nodes whose calls go straight to each other, over links that tests cut. */
export class ClusterWorld {
  readonly nodes: readonly ClusterNode[];
  /** `from>to` of links that bring nothing over. */
  readonly cut = new Set<string>();
  /** `from>to` of links that bring calls over, and no answers. */
  readonly lossy = new Set<string>();
  readonly dead = new Set<string>();
  /** `from>to method hops` of calls that came over. */
  readonly calls: string[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #streams = new Set<{ readonly link: string; readonly abort: AbortController }>();

  /** The first `holders` nodes keep every context; the first is its home. */
  constructor({ nodes, holders }: { readonly nodes: number; readonly holders: number }) {
    const ids = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
    this.nodes = ids.map((nodeId, index): ClusterNode => {
      const world = ledgerWorld({ random: seededRandom(index + 1) });
      const routing = new FakeRouting(nodeId, ids.slice(0, holders));
      const ledger = new ClusterLedger({
        ...{ local: this.localOf(world.ledger), routing, hasher, timing },
        ...{ peers: this.#peersOf(nodeId), view: this.#viewOf(nodeId, ids) },
        ...{ clock: createSystemClock(), random: () => 0.5 },
      });
      return { nodeId, world, local: world.ledger, routing, ledger };
    });
  }

  node(number: number): ClusterNode {
    const node = this.nodes[number - 1];
    if (node === undefined) throw new Error(`there is no node ${number}`);
    return node;
  }

  /** Makes all nodes believe in another home. */
  moveHome(number: number): void {
    for (const { routing } of this.nodes) routing.home = `n${number}`;
  }

  /** Kills a node, and lets the others know. */
  kill(number: number): void {
    this.dead.add(`n${number}`);
    for (const { link, abort } of this.#streams) if (link.endsWith(`>n${number}`)) abort.abort();
    for (const listener of this.#listeners) listener();
  }

  /** Breaks the streams on a link. */
  breakStreams(link: string): void {
    for (const stream of this.#streams) if (stream.link === link) stream.abort.abort();
  }

  /** Brings the copy of a node to the state of another's. */
  async copy(from: number, to: number, contextId = "c"): Promise<void> {
    async function* chunks(local: LedgerApi): AsyncGenerator<Uint8Array> {
      for await (const part of local.snapshot(contextId)) if (part.kind === "chunk") yield part.bytes;
    }
    const input = { contextId, failIfExists: false, expectedRoot: "", allowUnverified: false };
    await this.node(to).local.load(input, chunks(this.node(from).local));
  }

  protected localOf(ledger: Ledger): LedgerApi {
    return ledger;
  }

  #viewOf(selfId: string, ids: readonly string[]): ClusterView {
    return {
      selfId,
      roster: () => ids,
      isAlive: (nodeId) => !this.dead.has(nodeId),
      canWrite: () => true,
      hasExchanged: true,
      nameOf: (nodeId) => `name-${nodeId}`,
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  #peersOf(from: string): Peers {
    const target = (nodeId: string): ClusterNode => {
      const node = this.nodes.find((other) => other.nodeId === nodeId);
      if (node === undefined || this.dead.has(nodeId) || this.cut.has(`${from}>${nodeId}`))
        throw refusal("PEER_UNREACHABLE");
      return node;
    };
    return {
      call: async (nodeId, kind, request, { signal }) => {
        const node = target(nodeId);
        if (kind !== "forward" || !("hops" in request)) throw new Error(`nobody calls ${kind}`);
        this.calls.push(`${from}>${nodeId} ${request.method} ${request.hops}`);
        const given = signal ?? new AbortController().signal;
        // Over the wire nothing is shared.
        const body = Uint8Array.from(request.body);
        const answer = await node.ledger.handleForward(from, { ...request, body }, given);
        if (this.dead.has(nodeId) || this.lossy.has(`${from}>${nodeId}`)) throw refusal("PEER_LOST");
        return { body: Uint8Array.from(answer.body) } as never;
      },
      open: (nodeId, kind, body, signal) => this.#open(from, () => target(nodeId), { kind, body, signal }),
    };
  }

  async *#open(
    from: string,
    target: () => ClusterNode,
    { kind, body, signal }: { kind: string; body: Uint8Array; signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const node = target();
    const link = `${from}>${node.nodeId}`;
    this.calls.push(`${link} open ${kind}`);
    const abort = new AbortController();
    const stream = { link, abort };
    this.#streams.add(stream);
    const cancelled = Promise.withResolvers<never>();
    cancelled.promise.catch(() => {});
    signal.addEventListener("abort", () => {
      cancelled.reject(new LedgerError("CANCELLED", "cancelled", { reason: "PEER_CANCELLED" }));
      abort.abort();
    });
    abort.signal.addEventListener("abort", () => cancelled.reject(refusal("PEER_LOST")));
    const items = node.ledger.handleOpen(from, body, abort.signal);
    try {
      for (;;) {
        const next = await Promise.race([items.next(), cancelled.promise]);
        if (next.done === true) return;
        yield Uint8Array.from(next.value);
      }
    } finally {
      this.#streams.delete(stream);
      abort.abort();
      void items.return();
    }
  }
}
