import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { frontierRoot } from "../../core/merkle/frontier.ts";
import { placementOrder } from "../../core/placement.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import type { ContextState } from "../../ledger/context-state.ts";
import type {
  AdoptRequest,
  Holding,
  NodesRequest,
  OfferRequest,
  PeerCalls,
  ReplicateItem,
  ReplicateResult,
  RowsRequest,
} from "../../sync/peer-messages.ts";
import { homeOf } from "../../sync/view.ts";
import { AntiEntropy } from "./anti-entropy.ts";
import { ArchiveKeeper, type ArchiveKeeperParts } from "./archive-keeper.ts";
import { ContextReplica } from "./context-replica.ts";
import { ForkExchange } from "./fork-exchange.ts";
import { DigestKeeper } from "./digest-keeper.ts";
import { Locations } from "./locations.ts";
import { type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import { PeerPipe } from "./peer-pipe.ts";
import { Rebalancer } from "./rebalancer.ts";
import { nobodyHome, notExchanged } from "./refusals.ts";

/** Where the entries of a context get their place, as this node sees it. */
export type Route = { readonly kind: "here" } | { readonly kind: "there"; readonly nodeId: string };

/**
 * Keeps the contexts of this node equal to those of other nodes. It finds the home of each, becomes it when that is this
 * node's part, and answers what other nodes ask.
 */
export class Replication {
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #contexts = new Map<string, ContextReplica>();
  readonly #opening = new Map<string, Promise<ContextReplica>>();
  readonly #pipes = new Map<string, PeerPipe>();
  readonly #locations: Locations;
  readonly #archives: ArchiveKeeper;
  readonly #forks: ForkExchange;
  readonly #digests: DigestKeeper;
  readonly #antiEntropy: AntiEntropy;
  readonly #rebalancer: Rebalancer;
  readonly #unsubscribe: () => void;
  #isStopped = false;

  constructor(parts: ReplicationParts & Pick<ArchiveKeeperParts, "appendMoved">) {
    this.#parts = parts;
    this.#forks = new ForkExchange({
      ...parts,
      learned: (contextId, from) => this.#tellForks(contextId, from),
    });
    this.#archives = new ArchiveKeeper({
      ...parts,
      tellForks: (contextId, nodeId) => this.#forks.exchange(contextId, nodeId),
      open: (contextId) => this.open(contextId),
      lead: (contextId) => this.lead(contextId),
    });
    this.#timing = parts.timing ?? replicationTiming;
    this.#locations = new Locations(parts, this.#timing.askMs);
    this.#digests = new DigestKeeper(parts, (contextId) => this.open(contextId));
    this.#antiEntropy = new AntiEntropy(
      { ...parts, digests: this.#digests, nudge: (contextId) => this.#nudgeHome(contextId) },
      parts.antiEntropy,
    );
    this.#rebalancer = new Rebalancer(
      {
        ...parts,
        open: (contextId) => this.open(contextId),
        lead: (contextId) => this.lead(contextId),
        contextIds: (startAfter, limit) => parts.replicas.contextIds(startAfter, limit),
      },
      parts.rebalancer,
    );
    parts.replicas.observe({
      stored: (state, rows) => this.#stored(state, rows),
      replacing: (contextId, before) => this.#digests.changing(contextId, before),
    });
    this.#unsubscribe = parts.view.onChange(() => {
      for (const [nodeId, pipe] of this.#pipes) if (parts.view.isAlive(nodeId)) pipe.revive();
      this.#archives.wake();
      this.#forks.revive();
      this.#antiEntropy.changed();
      this.#rebalancer.changed();
    });
    this.#archives.wake();
    void this.#forks.begin();
  }

  /** True if this node may give an entry of the context its place at once. Costs a look-up. */
  isWritable(contextId: string): boolean {
    return this.#contexts.get(contextId)?.isWritable === true;
  }

  /** Returns where the entries of a context get their place. Rejects with UNAVAILABLE if nobody can. */
  async route(contextId: string): Promise<Route> {
    const { view } = this.#parts;
    if (!view.hasExchanged) throw notExchanged();
    const holders = await this.holdersOf(contextId);
    const home = homeOf(holders, view);
    if (home === undefined) throw nobodyHome(contextId, holders, view);
    return home === view.selfId ? { kind: "here" } : { kind: "there", nodeId: home };
  }

  /** Like {@link holdersOf}, and asks the other nodes about a context that this one has not heard of. */
  async locate(contextId: string): Promise<readonly string[]> {
    const { terms } = await this.open(contextId);
    if (terms === undefined && this.#locations.known(contextId) === undefined) {
      const found = await this.#locations.find(contextId);
      if (found !== undefined) return found;
    }
    return await this.holdersOf(contextId);
  }

  /** Asks the other nodes anew who keeps a context, because what this one knows has turned out to be wrong. */
  async relocate(contextId: string): Promise<void> {
    this.#locations.forget(contextId);
    await this.#locations.find(contextId);
  }

  /** Returns who keeps a context, or would if it began now. */
  async holdersOf(contextId: string): Promise<readonly string[]> {
    const replica = await this.open(contextId);
    const { terms } = replica;
    const { selfId } = this.#parts.view;
    if (terms !== undefined && !terms.leaving && terms.holders.includes(selfId)) return terms.holders;
    return this.#locations.known(contextId) ?? this.#placed(contextId);
  }

  /**
   * Resolves when this node gives entries of the context their place. Rejects with UNAVAILABLE; with NOT_HOME if another
   * node does, which `route` then names.
   */
  async lead(contextId: string): Promise<void> {
    if (!this.#parts.view.hasExchanged) throw notExchanged();
    const replica = await this.open(contextId);
    if (replica.isWritable) return;
    // Somebody may have made it while the roster was another.
    const found = replica.terms === undefined ? await this.#locations.find(contextId) : undefined;
    const holders = found ?? this.#placed(contextId);
    await replica.ensureLead({ holders, isNew: found === undefined });
  }

  /** Tries for a short while to become the home of a context before it is read, so that what was acknowledged is seen. */
  async readable(contextId: string): Promise<void> {
    const replica = await this.open(contextId);
    const { terms } = replica;
    if (replica.lead !== undefined || terms === undefined) return;
    const { view, clock } = this.#parts;
    if (!view.hasExchanged || homeOf(terms.holders, view) !== view.selfId) return;
    const tried = replica.ensureLead({ holders: terms.holders, isNew: false }).catch(() => {});
    await Promise.race([
      tried,
      new Promise<void>((resolve) => void clock.after(this.#timing.askMs, resolve)),
    ]);
  }

  /** Returns the context as this node keeps it, or would. */
  open(contextId: string): Promise<ContextReplica> {
    const known = this.#contexts.get(contextId);
    if (known !== undefined) return Promise.resolve(known);
    const opening =
      this.#opening.get(contextId) ??
      this.#read(contextId).finally(() => void this.#opening.delete(contextId));
    this.#opening.set(contextId, opening);
    return opening;
  }

  /** Returns how many copies of an entry are known, and how many holders there are. */
  copiesOf(contextId: string, sequence: number): { readonly copies: number; readonly holders: number } {
    const lead = this.#contexts.get(contextId)?.lead;
    return { copies: lead?.copiesOf(sequence) ?? 1, holders: lead?.holders.length ?? 1 };
  }

  /**
   * Resolves when `minCopies` holders are known to have a committed entry of a context that this node leads. Rejects with
   * UNAVAILABLE if that takes more than `waitMs`.
   */
  async copied(contextId: string, sequence: number, minCopies: number, waitMs: number): Promise<void> {
    const replica = await this.open(contextId);
    await replica.copied(sequence, minCopies, waitMs);
  }

  async replicate({
    items,
  }: {
    readonly items: readonly ReplicateItem[];
  }): Promise<{ results: ReplicateResult[] }> {
    const results = await Promise.all(
      items.map(async (item): Promise<ReplicateResult> => {
        try {
          const replica = await this.open(item.contextId);
          return await replica.replicate(item);
        } catch (error) {
          if (!(error instanceof LedgerError)) throw error;
          this.#parts.log.debug("rows of another node were not stored", {
            ...{ context: item.contextId, error: error.message },
          });
          return { kind: "busy" };
        }
      }),
    );
    return { results };
  }

  async prepare(request: PeerCalls["prepare"]["request"]): Promise<PeerCalls["prepare"]["answer"]> {
    const replica = await this.open(request.contextId);
    return await replica.prepare(request);
  }

  async adopt(fromNodeId: string, request: AdoptRequest): Promise<ReplicateResult> {
    const replica = await this.open(request.contextId);
    const result = await replica.adopt(request, fromNodeId);
    if (result.kind === "stored") this.#forks.wake(request.contextId, fromNodeId);
    return result;
  }

  /** Takes what another node knows of the forks of a context, and tells it what it lacks. */
  forks(fromNodeId: string, request: PeerCalls["forks"]["request"]): Promise<PeerCalls["forks"]["answer"]> {
    return this.#forks.answer(fromNodeId, request);
  }

  async holding(contextId: string): Promise<{ holding: Holding | undefined }> {
    const replica = await this.open(contextId);
    return { holding: await replica.holding() };
  }

  /** Returns the root of the first `size` entries of this node's copy. */
  async rootAt(contextId: string, size: number): Promise<Uint8Array> {
    const { state } = await this.open(contextId);
    return frontierRoot(await this.#parts.replicas.frontier(state, size), "rfc6962", this.#parts.hasher);
  }

  async nodes({ contextId, size, runs }: NodesRequest): Promise<{ hashes: Uint8Array }> {
    const { state } = await this.open(contextId);
    return { hashes: await this.#parts.replicas.nodes(state, size, runs) };
  }

  async rows({ contextId, ...range }: RowsRequest): Promise<PeerCalls["rows"]["answer"]> {
    const { state } = await this.open(contextId);
    const bytesMax = Math.min(range.bytesMax, limits.replicaPageBytes);
    return { rows: await this.#parts.replicas.rows(state, { ...range, bytesMax }) };
  }

  async holders(request: PeerCalls["holders"]["request"]): Promise<ReplicateResult> {
    const replica = await this.open(request.contextId);
    return await replica.acceptHolders(request);
  }

  async offer(request: OfferRequest): Promise<{ settled: boolean }> {
    return { settled: await this.#archives.offered(request) };
  }

  /** Brings the holders of a context to one history, if this node is its home; whoever asks and is none is told so. */
  async nudge(fromNodeId: string, contextId: string): Promise<void> {
    await this.lead(contextId);
    const replica = this.#contexts.get(contextId);
    replica?.recheck();
    if (fromNodeId !== this.#parts.view.selfId) await replica?.tellHolders(fromNodeId);
  }

  digest(
    fromNodeId: string,
    request: PeerCalls["digest"]["request"],
  ): Promise<PeerCalls["digest"]["answer"]> {
    return this.#digests.compare(fromNodeId, request);
  }

  bucket(
    fromNodeId: string,
    request: PeerCalls["bucket"]["request"],
  ): Promise<PeerCalls["bucket"]["answer"]> {
    return this.#digests.bucket(fromNodeId, request);
  }

  /** Ends everything that was begun. */
  stop(): void {
    this.#isStopped = true;
    this.#archives.stop();
    this.#forks.stop();
    this.#antiEntropy.stop();
    this.#rebalancer.stop();
    this.#unsubscribe();
    for (const pipe of this.#pipes.values()) pipe.stop();
    for (const context of this.#contexts.values()) {
      context.close();
      this.#parts.replicas.release(context.state);
    }
    this.#contexts.clear();
  }

  /** Returns who would keep a context that began now. */
  #placed(contextId: string): readonly string[] {
    const { view, rules, hasher } = this.#parts;
    return placementOrder(contextId, view.roster(), hasher).slice(0, rules.replicas);
  }

  async #nudgeHome(contextId: string): Promise<void> {
    const route = await this.route(contextId);
    if (route.kind === "here") return await this.nudge(this.#parts.view.selfId, contextId);
    await this.#parts.peers.call(
      route.nodeId,
      "nudge",
      { contextId },
      { timeoutMs: this.#timing.replicateMs },
    );
  }

  #stored(state: ContextState, rows: readonly StoredEntry[] | undefined): void {
    const replica = this.#contexts.get(state.id);
    if (replica?.lead !== undefined) this.#digests.changing(state.id, state.shared?.replica);
    replica?.stored(rows);
  }

  async #read(contextId: string): Promise<ContextReplica> {
    const state = await this.#parts.replicas.acquire(contextId);
    const replica = new ContextReplica(this.#parts, state, {
      pipeTo: (nodeId) => this.#pipeTo(nodeId),
      archived: () => this.#archives.wake(),
      begun: () => this.#tellForks(contextId, undefined),
    });
    if (this.#isStopped) this.#parts.replicas.release(state);
    else {
      this.#contexts.set(contextId, replica);
      this.#evict();
    }
    return replica;
  }

  /** Tells the other holders of the forks of a context, if this node is its home: it is the one that all of them hear. */
  #tellForks(contextId: string, except: string | undefined): void {
    const followers = this.#contexts.get(contextId)?.lead?.followers() ?? [];
    for (const nodeId of followers) if (nodeId !== except) this.#forks.wake(contextId, nodeId);
  }

  /** Forgets contexts that nobody needs now; a home that is forgotten takes over anew. */
  #evict(): void {
    let looks = 8;
    for (const [contextId, replica] of this.#contexts) {
      if (this.#contexts.size <= limits.replicasCachedMax || looks === 0) return;
      looks -= 1;
      this.#contexts.delete(contextId);
      if (replica.isBusy) this.#contexts.set(contextId, replica);
      else {
        // What is known of a context whose home this node was is stored now.
        if (replica.lead !== undefined) this.#digests.changing(contextId, replica.state.shared?.replica);
        replica.close();
        this.#parts.replicas.release(replica.state);
      }
    }
  }

  #pipeTo(nodeId: string): PeerPipe {
    const known = this.#pipes.get(nodeId);
    if (known !== undefined) return known;
    const pipe = new PeerPipe(nodeId, this.#parts);
    this.#pipes.set(nodeId, pipe);
    return pipe;
  }
}
