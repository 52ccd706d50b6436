import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { frontierRoot } from "../../core/merkle/frontier.ts";
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
import type { Lead } from "../../sync/lead.ts";
import { hasBegun } from "../../sync/terms.ts";
import { homeOf } from "../../sync/view.ts";
import { AntiEntropy } from "./anti-entropy.ts";
import { askHolding } from "./ask-holding.ts";
import { ArchiveKeeper, type ArchiveKeeperParts } from "./archive-keeper.ts";
import { ContextReplica } from "./context-replica.ts";
import { ForkExchange } from "./fork-exchange.ts";
import { DigestKeeper } from "./digest-keeper.ts";
import { learnFrom } from "./learn-from.ts";
import { Locations } from "./locations.ts";
import { type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import { PeerPipe } from "./peer-pipe.ts";
import { Rebalancer } from "./rebalancer.ts";
import { RepairKeeper } from "./repair-keeper.ts";
import {
  createReplicationCounts,
  type LedCounts,
  ledCounts,
  type ReplicationCounts,
} from "./replication-counts.ts";
import { checkNobodyHas, placedHolders } from "./new-context.ts";
import { OpenContexts } from "./open-contexts.ts";
import { nobodyHome, notExchanged, notHome } from "./refusals.ts";

/** Where the entries of a context get their place, as this node sees it. */
export type Route = { readonly kind: "here" } | { readonly kind: "there"; readonly nodeId: string };

/**
 * Keeps the contexts of this node equal to those of other nodes. It finds the home of each, becomes it when that is this
 * node's part, and answers what other nodes ask.
 */
export class Replication {
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #contexts: OpenContexts;
  readonly #pipes = new Map<string, PeerPipe>();
  readonly #locations: Locations;
  readonly #archives: ArchiveKeeper;
  readonly #forks: ForkExchange;
  readonly #digests: DigestKeeper;
  readonly #antiEntropy: AntiEntropy;
  readonly #rebalancer: Rebalancer;
  readonly #repairs: RepairKeeper;
  readonly #counts = createReplicationCounts();
  readonly #unsubscribe: () => void;

  constructor(parts: ReplicationParts & Pick<ArchiveKeeperParts, "appendMoved">) {
    this.#parts = parts;
    this.#contexts = new OpenContexts({
      replicas: parts.replicas,
      create: (contextId, state) => this.#create(contextId, state),
      // What is known of a context whose home this node was is stored now.
      forgets: (contextId, before) => this.#digests.changing(contextId, before),
    });
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
        newest: (contextId) => this.#newest(contextId),
        contextIds: (startAfter, limit) => parts.replicas.contextIds(startAfter, limit),
      },
      parts.rebalancer,
    );
    this.#repairs = new RepairKeeper(
      { ...parts, open: (contextId) => this.open(contextId), counts: this.#counts },
      parts.repairs,
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
      this.#repairs.wake();
    });
    this.#archives.wake();
    void this.#forks.begin();
  }

  /** True if this node may give an entry of the context its place at once. Costs a look-up. */
  isWritable(contextId: string): boolean {
    return this.#contexts.get(contextId)?.isWritable === true;
  }

  /** True if everything of a context that was acknowledged is seen in the copy of this node, its home. Costs a look-up. */
  isCurrent(contextId: string): boolean {
    return this.#contexts.get(contextId)?.isCurrent === true;
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
    const replica = await this.open(contextId);
    if (!replica.isHolder && this.#locations.known(contextId) === undefined)
      await this.#locations.find(contextId);
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
    if (terms !== undefined && replica.isHolder) return terms.holders;
    return this.#locations.known(contextId) ?? terms?.holders ?? placedHolders(this.#parts, contextId);
  }

  /**
   * Resolves when this node gives entries of the context their place. Rejects with UNAVAILABLE; with NOT_HOME if another
   * node does, which `route` then names.
   */
  async lead(contextId: string): Promise<void> {
    if (!this.#parts.view.hasExchanged) throw notExchanged();
    const replica = await this.open(contextId);
    if (replica.isWritable) return;
    const { terms } = replica;
    if (terms !== undefined && replica.isHolder)
      return await replica.ensureLead({ holders: terms.holders, isNew: false });
    // Somebody may have made it while the roster was another, or this node is a holder and was not told.
    const { newest, silent } = await this.#locations.find(contextId);
    if (newest !== undefined) return await replica.ensureLead({ holders: newest.holders, isNew: false });
    if (terms !== undefined && hasBegun(terms)) throw notHome(contextId);
    checkNobodyHas(this.#parts, contextId, silent);
    await replica.ensureLead({ holders: placedHolders(this.#parts, contextId), isNew: true });
  }

  /**
   * Tries for a short while to become the home of a context before it is read, and to have what its epoch begins with
   * committed, so that what was acknowledged is seen.
   */
  async readable(contextId: string): Promise<void> {
    const replica = await this.open(contextId);
    const { terms } = replica;
    if (terms === undefined) return;
    if (replica.lead !== undefined) return await this.#settled(replica, replica.lead);
    const { view, clock } = this.#parts;
    if (!view.hasExchanged || homeOf(terms.holders, view) !== view.selfId) return;
    const tried = replica
      .ensureLead({ holders: terms.holders, isNew: false })
      .then(() => replica.lead && this.#settled(replica, replica.lead))
      .catch(() => {});
    await Promise.race([
      tried,
      new Promise<void>((resolve) => void clock.after(this.#timing.askMs, resolve)),
    ]);
  }

  /** Waits for a short while until all that an epoch began with is committed. Never rejects. */
  async #settled(replica: ContextReplica, lead: Lead): Promise<void> {
    if (lead.isSettled) return;
    await replica.copied(lead.startLatest, lead.required, this.#timing.askMs).catch(() => {});
  }

  /** Returns the context as this node keeps it, or would. */
  open(contextId: string): Promise<ContextReplica> {
    return this.#contexts.open(contextId);
  }

  /** Returns how many copies of an entry are known, and how many holders there are. */
  copiesOf(contextId: string, sequence: number): { readonly copies: number; readonly holders: number } {
    const shared = this.#contexts.get(contextId)?.state.shared;
    return { copies: shared?.copiesOf(sequence) ?? 1, holders: shared?.holders ?? 1 };
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
    const { replicas } = this.#parts;
    const sound = (): Promise<readonly StoredEntry[]> =>
      replicas.repairs.sound(state, { ...range, bytesMax });
    // Whoever asks hashes what it gets. Who doubts one entry asks for it alone, and this node looks at it itself.
    if (range.through - range.after === 1) return { rows: await sound() };
    return { rows: await replicas.rows(state, { ...range, bytesMax }).catch(sound) };
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
    const isOther = fromNodeId !== this.#parts.view.selfId;
    if (isOther) await learnFrom(this.#parts, await this.open(contextId), fromNodeId);
    await this.lead(contextId);
    const replica = this.#contexts.get(contextId);
    replica?.recheck();
    if (isOther) await replica?.tellHolders(fromNodeId);
  }

  /** Returns the newest of what other nodes have of a context; undefined if nobody who answers keeps it. */
  async #newest(contextId: string): Promise<Holding | undefined> {
    return (await this.#locations.find(contextId)).newest;
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

  /** What was done so far, and how it stands with the contexts in memory. Costs a look at each of them. */
  get reading(): {
    readonly led: LedCounts;
    readonly comparisons: AntiEntropy["counts"];
    readonly holderChanges: Rebalancer["counts"];
    readonly archivesPending: number;
  } & ReplicationCounts {
    const [led, archivesPending] = [ledCounts(this.#contexts.values()), this.#archives.pending];
    const counts = { comparisons: this.#antiEntropy.counts, holderChanges: this.#rebalancer.counts };
    return { ...this.#counts, ...counts, led, archivesPending };
  }

  /** Ends everything that was begun. */
  stop(): void {
    this.#archives.stop();
    this.#forks.stop();
    this.#antiEntropy.stop();
    this.#rebalancer.stop();
    this.#repairs.stop();
    this.#unsubscribe();
    for (const pipe of this.#pipes.values()) pipe.stop();
    this.#contexts.stop();
  }

  async #nudgeHome(contextId: string): Promise<void> {
    const route = await this.route(contextId);
    if (route.kind === "here") return await this.nudge(this.#parts.view.selfId, contextId);
    // The holders may have changed without a word to this node.
    const holding = await askHolding(this.#parts, route.nodeId, contextId);
    const newest = holding?.leaving === false ? holding : await this.#newest(contextId);
    const replica = await this.open(contextId);
    if (newest !== undefined && (await replica.learn(newest))) return;
    const home = await this.route(contextId);
    if (home.kind === "here") return await this.nudge(this.#parts.view.selfId, contextId);
    const { replicateMs: timeoutMs } = this.#timing;
    await this.#parts.peers.call(home.nodeId, "nudge", { contextId }, { timeoutMs });
  }

  #stored(state: ContextState, rows: readonly StoredEntry[] | undefined): void {
    const replica = this.#contexts.get(state.id);
    if (replica?.lead !== undefined) this.#digests.changing(state.id, state.shared?.replica);
    replica?.stored(rows);
  }

  #create(contextId: string, state: ContextState): ContextReplica {
    return new ContextReplica(this.#parts, state, {
      pipeTo: (nodeId) => this.#pipeTo(nodeId),
      archived: () => this.#archives.wake(),
      counts: this.#counts,
      begun: () => {
        this.#counts.takeovers += 1;
        this.#tellForks(contextId, undefined);
      },
      holdersChanged: () => this.#rebalancer.holdersChanged(contextId),
    });
  }

  /** Tells the other holders of the forks of a context, if this node is its home: it is the one that all of them hear. */
  #tellForks(contextId: string, except: string | undefined): void {
    const followers = this.#contexts.get(contextId)?.lead?.followers() ?? [];
    for (const nodeId of followers) if (nodeId !== except) this.#forks.wake(contextId, nodeId);
  }

  #pipeTo(nodeId: string): PeerPipe {
    const known = this.#pipes.get(nodeId);
    if (known !== undefined) return known;
    const pipe = new PeerPipe(nodeId, this.#parts);
    this.#pipes.set(nodeId, pipe);
    return pipe;
  }
}
