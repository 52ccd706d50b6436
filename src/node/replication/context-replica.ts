import { type Epoch, laterEpoch, sameEpoch } from "../../core/epoch.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import type { ContextState } from "../../ledger/context-state.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import { digestItem } from "../../sync/digest.ts";
import type { HolderChange } from "../../sync/holder-change.ts";
import type { Lead } from "../../sync/lead.ts";
import type {
  AdoptRequest,
  Holding,
  PeerCalls,
  Position,
  PrepareResult,
  ReplicateItem,
  ReplicateResult,
} from "../../sync/peer-messages.ts";
import {
  judgeAdopt,
  judgeHolders,
  judgePrepare,
  judgeReplicate,
  promisedTo,
  sameHolders,
  type Terms,
  termsOf,
} from "../../sync/terms.ts";
import { homeOf } from "../../sync/view.ts";
import { askHolding } from "./ask-holding.ts";
import { adopt } from "./adoption.ts";
import { commonPrefix } from "./difference.ts";
import { HolderSwitch } from "./holder-switch.ts";
import { Home } from "./home.ts";
import { LocalCopy } from "./local-copy.ts";
import { type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import type { PeerPipe } from "./peer-pipe.ts";
import { notHome, tooFewHolders } from "./refusals.ts";
import type { ReplicationCounts } from "./replication-counts.ts";
import { type NewContext, Takeover } from "./takeover.ts";
import { Turns } from "./turns.ts";

export interface Digested {
  readonly holders: readonly string[];
  readonly item: Uint8Array;
  /** True if it is stored beside the context. */
  readonly isSaved: boolean;
}

export interface ContextUses {
  readonly pipeTo: (nodeId: string) => PeerPipe;
  /** Entries of this node have lost their place. */
  readonly archived: () => void;
  /** This node has become the home. */
  readonly begun: () => void;
  readonly counts: ReplicationCounts;
  /** Others keep the context from now on. */
  readonly holdersChanged: () => void;
}

/**
 * One context on this node, as holder and, if it comes to that, as home. What is decided about epochs and rows is in
 * `sync/`; here it is carried out, one step at a time.
 */
export class ContextReplica {
  readonly contextId: string;
  readonly state: ContextState;
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #uses: ContextUses;
  /** What is written about the context, one after the other. */
  readonly #turns = new Turns();
  readonly #adoptions = new Turns();
  readonly #copy: LocalCopy;
  readonly #home: Home;
  readonly #takeover: Takeover;
  readonly #switch: HolderSwitch;
  #leading: Promise<void> | undefined;
  #cancelSave: (() => void) | undefined;

  constructor(parts: ReplicationParts, state: ContextState, uses: ContextUses) {
    this.contextId = state.id;
    this.state = state;
    this.#parts = parts;
    this.#timing = parts.timing ?? replicationTiming;
    this.#uses = uses;
    const copy = new LocalCopy(parts, state);
    const home = new Home(parts, copy, {
      ...{ pipeTo: uses.pipeTo, begun: uses.begun },
      committed: () => this.#saveMarkSoon(),
      seen: (epoch) => this.#takeover.heard(epoch),
      suspected: (nodeId) => this.#compareWith(nodeId),
    });
    const { archived, holdersChanged } = uses;
    const shared = { copy, home, turns: this.#turns, holdersChanged };
    const takeover = new Takeover(parts, {
      ...shared,
      adopt: (from, request) => this.#adopt(from, request),
    });
    this.#copy = copy;
    this.#home = home;
    this.#takeover = takeover;
    this.#switch = new HolderSwitch(parts, { ...shared, takeover, archived });
  }

  /** Undefined if this node is not the home. */
  get lead(): Lead | undefined {
    return this.#home.lead;
  }

  /** True if an append may go on at once. */
  get isWritable(): boolean {
    return this.#switch.changing === undefined && this.#home.isWritable;
  }

  /** True if this node is the home, and everything acknowledged can be seen in its copy. */
  get isCurrent(): boolean {
    return this.#home.isWritable && this.lead?.isSettled === true;
  }

  /** True if this node is the home, and fewer holders are alive than an entry needs. */
  get isShort(): boolean {
    return this.lead !== undefined && !this.#home.seesEnough(this.lead.holders);
  }

  /** True if this node's copy counts. */
  get isHolder(): boolean {
    return this.#copy.isHolder;
  }

  /** True if this node has entries of which it does not know that they are committed. */
  get isUnsettled(): boolean {
    return this.#copy.latest > this.#copy.committed;
  }

  /** True while this object is needed: somebody waits, or followers are not up to date. */
  get isBusy(): boolean {
    if (this.#leading !== undefined || this.state.shared?.isAwaited === true) return true;
    return this.lead !== undefined && !this.lead.isQuiet;
  }

  get terms(): Terms | undefined {
    return this.#copy.terms;
  }

  /** Where this node's copy ends. */
  position(): Promise<Position> {
    return this.#copy.position();
  }

  /**
   * Resolves when this node gives entries of the context their place. `claim` says who keeps it, if this node does not
   * know that it does, and if nobody has it. Rejects with UNAVAILABLE if it is not the home, or not enough holders take part.
   */
  async ensureLead(claim: NewContext): Promise<void> {
    await this.#switch.changing?.catch(() => {});
    if (this.isWritable) return;
    if (this.lead === undefined) await this.#ensureEpoch(claim);
    const { view, rules } = this.#parts;
    const { holders } = this.lead ?? claim;
    if (this.lead === undefined || homeOf(holders, view) !== view.selfId) throw notHome(this.contextId);
    // A home that has had no answers goes on once everything is committed.
    if (!this.isWritable) throw tooFewHolders(this.contextId, holders, rules, view);
  }

  /**
   * Resolves when `minCopies` holders are known to have a committed entry. Rejects with UNAVAILABLE if that takes more than
   * `waitMs`, or another node takes over before.
   */
  copied(sequence: number, minCopies: number, waitMs: number): Promise<void> {
    return this.#home.copied(sequence, minCopies, waitMs);
  }

  /** The local head has moved. */
  stored(rows: readonly StoredEntry[] | undefined): void {
    this.#copy.moved(rows);
    this.#home.stored(rows);
  }

  replicate(item: ReplicateItem): Promise<ReplicateResult> {
    return this.#turns.run(async () => {
      const view = await this.#copy.view();
      const verdict = judgeReplicate(view, item);
      if (verdict.kind !== "extend") {
        if (verdict.kind === "stored") this.#marked(item.committed);
        return verdict;
      }
      const { epoch, holders } = item;
      this.#home.yieldTo(epoch);
      const rows = item.rows.slice(verdict.skip);
      const latest = view.latest + rows.length;
      const terms = termsOf(view);
      const committed = Math.max(terms?.committed ?? 0, Math.min(item.committed, latest));
      const isNews =
        terms === undefined || !sameEpoch(terms.accepted, epoch) || !sameEpoch(terms.promised, epoch);
      const replica = this.#copy.accepted(holders, epoch, committed);
      if (rows.length > 0) await this.#parts.replicas.extend(this.state, rows, replica);
      else if (isNews) await this.#parts.replicas.save(this.state, replica);
      this.#noteHolders(terms);
      this.#marked(committed);
      return { kind: "stored", latest };
    });
  }

  prepare(request: PeerCalls["prepare"]["request"]): Promise<PrepareResult> {
    return this.#turns.run(async () => {
      const before = judgePrepare(await this.#copy.view(), request);
      if (before.kind !== "promise") return before;
      this.#home.yieldTo(request.epoch);
      // What is on its way to the disk is part of the answer.
      await this.state.shared?.idle();
      await this.#copy.save(promisedTo(await this.#copy.view(), request));
      return { kind: "promised", ...(await this.#copy.holding()) };
    });
  }

  async adopt(request: AdoptRequest, from: string): Promise<ReplicateResult> {
    const verdict = await this.#turns.run(async () => judgeAdopt(await this.#copy.view(), request));
    if (verdict.kind !== "adopt") return verdict;
    this.#home.yieldTo(request.epoch);
    const before = this.terms;
    await this.#adopt(from, request);
    this.#noteHolders(before);
    this.#marked(Math.min(request.committed, this.#copy.latest));
    return { kind: "stored", latest: this.#copy.latest };
  }

  /** Takes new holders from the home. */
  acceptHolders(request: PeerCalls["holders"]["request"]): Promise<ReplicateResult> {
    return this.#turns.run(async () => {
      const view = await this.#copy.view();
      const verdict = judgeHolders(view, request);
      const { holders, epoch, position } = request;
      const terms = termsOf(view);
      if (verdict.kind === "leave") {
        if (terms === undefined) return { kind: "stored", latest: 0 };
        this.#home.yieldTo(epoch);
        const promised = laterEpoch(terms.promised, epoch);
        await this.#copy.save({ ...terms, holders, promised, leaving: true });
        this.#uses.holdersChanged();
        return { kind: "stored", latest: view.latest };
      }
      if (verdict.kind !== "accept") return verdict;
      this.#home.yieldTo(epoch);
      // What was on its way to the disk is not the home's.
      await this.state.shared?.idle();
      const { latest } = this.#copy;
      if (latest !== position.latest) return { kind: "behind", latest };
      const committed = terms?.committed ?? 0;
      await this.#copy.save({ holders, promised: epoch, accepted: epoch, committed, leaving: false });
      this.#uses.holdersChanged();
      return { kind: "stored", latest: position.latest };
    });
  }

  /** As the home, which this node becomes if it is not: see {@link HolderSwitch.change}. */
  async changeHolders(change: HolderChange): Promise<void> {
    const { holders = [] } = this.terms ?? {};
    if (this.lead === undefined) await this.#ensureEpoch({ holders, isNew: false });
    await this.#switch.change(change);
  }

  /** As the home: see {@link HolderSwitch.tell}. */
  tellHolders(nodeId: string): Promise<void> {
    return this.#switch.tell(nodeId);
  }

  /** See {@link HolderSwitch.learn}. */
  learn(newest: Pick<Holding, "accepted" | "holders">): Promise<boolean> {
    return this.#switch.learn(newest);
  }

  /** As a former holder: see {@link HolderSwitch.archiveBeyond}. */
  archiveBeyond(common: number, winner: Epoch): Promise<void> {
    return this.#switch.archiveBeyond(common, winner);
  }

  /** As a former holder: see {@link HolderSwitch.drop}. */
  drop(): Promise<void> {
    return this.#switch.drop();
  }

  async holding(): Promise<Holding | undefined> {
    return this.terms === undefined ? undefined : await this.#copy.holding();
  }

  /**
   * Returns what anti-entropy has of the context, and writes it unless this node may add entries at any time; undefined if
   * this node does not keep the context with others.
   */
  digested(): Promise<Digested | undefined> {
    return this.#turns.run(async () => {
      const replica = this.state.shared?.replica;
      const { view, hasher, replicas } = this.#parts;
      if (replica === undefined || replica.leaving || !replica.holders.includes(view.selfId))
        return undefined;
      const { committed } = this.#copy;
      const { accepted } = replica;
      const item = digestItem(this.contextId, { ...(await this.position()), committed, accepted }, hasher);
      // What waits to be committed is looked at again after a restart, however equal all copies are.
      const isSaved = this.lead === undefined && !this.isUnsettled;
      const written = { ...replica, committed: Math.max(replica.committed, committed), digestItem: item };
      if (isSaved) await replicas.save(this.state, written);
      return { holders: replica.holders, item, isSaved };
    });
  }

  /** Does something to this node's copy while nothing else changes it. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run(work);
  }

  /** Stored hashes have become others, because they were damaged: a home that relied on them begins anew. */
  treeChanged(): Promise<void> {
    return this.#turns.run(async () => {
      const before = this.#copy.tip;
      this.#copy.moved(undefined);
      const { latest, root } = await this.position();
      if (before?.latest !== latest || !sameBytes(before.root, root)) this.#home.end();
    });
  }

  /** Compares the history of every follower with this node's once more, if it is the home. */
  recheck(): void {
    this.#home.recheck();
  }

  /** Ends everything that this object has begun. */
  close(): void {
    this.#home.end();
    this.#cancelSave?.();
    this.#cancelSave = undefined;
  }

  /** Resolves when this node has an epoch of its own, whether or not it may append with it. */
  async #ensureEpoch(claim: NewContext): Promise<void> {
    this.#leading ??= this.#takeover.run(claim).finally(() => (this.#leading = undefined));
    await this.#leading;
  }

  /** Who is a holder since now may have something to do about who else is. */
  #noteHolders(before: Terms | undefined): void {
    const { terms } = this;
    if (terms === undefined || (before !== undefined && sameHolders(before.holders, terms.holders))) return;
    this.#uses.holdersChanged();
  }

  /** Takes over the history of another node, one at a time. */
  async #adopt(from: string, request: AdoptRequest): Promise<void> {
    const { epoch, target, contextId, holders } = request;
    const adoption = {
      ...{ contextId, from, target, epoch },
      replica: (latest: number) => {
        const committed = Math.max(this.terms?.committed ?? 0, Math.min(latest, request.committed));
        return this.#copy.accepted(holders, epoch, committed);
      },
      current: () => this.#copy.replica,
      position: () => this.position(),
      archived: (isFork: boolean) => {
        if (isFork) this.#uses.counts.forks += 1;
        this.#uses.archived();
      },
    };
    await this.#adoptions.run(() => adopt(this.#parts, this.#turns, this.state, adoption));
  }

  /** Compares this node's copy with that of a node which found it damaged, so that what is damaged here is marked. */
  async #compareWith(nodeId: string): Promise<void> {
    const { contextId } = this;
    const holding = await askHolding(this.#parts, nodeId, contextId);
    if (holding === undefined) return;
    const { latest, root } = holding;
    const compared = { contextId, from: nodeId, target: { latest, root } };
    await commonPrefix(this.#parts, this.state, compared, await this.position());
  }

  /** Entries up to `committed` may be seen. */
  #marked(committed: number): void {
    this.state.shared?.commit(committed);
    this.#saveMarkSoon();
  }

  /** The committed sequence is written with the next rows, or alone after a while. */
  #saveMarkSoon(): void {
    const isUnsaved = (): boolean => this.#copy.committed > (this.state.shared?.replica.committed ?? 0);
    if (!isUnsaved()) return;
    this.#cancelSave ??= this.#parts.clock.after(this.#timing.markSavedMs, () => {
      this.#cancelSave = undefined;
      const save = async (): Promise<void> => {
        const { shared } = this.state;
        if (shared === undefined || !isUnsaved()) return;
        await this.#copy.save({ ...shared.replica, committed: this.#copy.committed });
      };
      this.#turns.run(save).catch(() => {
        this.#parts.log.debug("a committed sequence was not written", { context: this.contextId });
      });
    });
  }
}
