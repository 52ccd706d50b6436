import { compareEpochs, type Epoch, laterEpoch, noEpoch, sameEpoch } from "../../core/epoch.ts";
import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { type Frontier, frontierRoot } from "../../core/merkle/frontier.ts";
import { copiesRequired, promisesRequired } from "../../core/write-copies.ts";
import type { ContextState } from "../../ledger/context-state.ts";
import type { Replica, StoredEntry } from "../../ledger/ports.ts";
import { Lead } from "../../sync/lead.ts";
import type {
  AdoptRequest,
  Holding,
  PeerCalls,
  Position,
  PrepareResult,
  ReplicateItem,
  ReplicateResult,
} from "../../sync/peer-messages.ts";
import { digestItem } from "../../sync/digest.ts";
import { bestCandidate, nextEpoch } from "../../sync/takeover.ts";
import {
  type HolderView,
  judgeAdopt,
  judgeHolders,
  judgePrepare,
  judgeReplicate,
  promisedTo,
  type Terms,
  termsOf,
} from "../../sync/terms.ts";
import type { HolderChange } from "../../sync/holder-change.ts";
import { homeOf } from "../../sync/view.ts";
import { adopt, cut } from "./adoption.ts";
import { CopyWaits } from "./copy-waits.ts";
import { delay, type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import { copyToNewcomer, type HolderTransfer, transferHolders } from "./holder-transfer.ts";
import type { PeerPipe, PipedContext } from "./peer-pipe.ts";
import { askForPromises } from "./promise-round.ts";
import { copiesMissing, deposed, isBelow, minCopiesMissing, notHome, tooFewHolders } from "./refusals.ts";
import { Turns } from "./turns.ts";

const attemptsMax = 4;

/** A context that this node does not keep, as far as it knows. */
export interface NewContext {
  /** Who keeps it, or is to. */
  readonly holders: readonly string[];
  /** True if nobody who was asked has it. */
  readonly isNew: boolean;
}

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
  /** Others keep the context from now on. */
  readonly holdersChanged: () => void;
}

/**
 * One context on this node, as holder and, if it comes to that, as home. What is decided about epochs and rows is in
 * `sync/`; here it is carried out, one step at a time.
 */
export class ContextReplica implements PipedContext {
  readonly contextId: string;
  readonly state: ContextState;
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #uses: ContextUses;
  readonly #turns = new Turns();
  readonly #adoptions = new Turns();
  readonly #copyWaits = new CopyWaits();
  #lead: Lead | undefined;
  #leading: Promise<void> | undefined;
  /** Settles when the holders have changed. */
  #changing: Promise<void> | undefined;
  /** The edge of the tree over this node's copy, if it is known. */
  #tip: { readonly frontier: Frontier; readonly root: Uint8Array } | undefined;
  /** The latest epoch that another holder has promised. */
  #seen: Epoch = noEpoch;
  #cancelMark: (() => void) | undefined;
  #cancelSave: (() => void) | undefined;
  #cancelStall: (() => void) | undefined;
  #isStalled = false;
  #progressMs = 0;

  constructor(parts: ReplicationParts, state: ContextState, uses: ContextUses) {
    this.contextId = state.id;
    this.state = state;
    this.#parts = parts;
    this.#timing = parts.timing ?? replicationTiming;
    this.#uses = uses;
  }

  get lead(): Lead | undefined {
    return this.#lead;
  }

  /** True if an append may go on at once. */
  get isWritable(): boolean {
    if (this.#lead === undefined || this.#isStalled || this.#changing !== undefined) return false;
    return this.#seesCopies(this.#lead.holders);
  }

  /** True if this node has entries of which it does not know that they are committed. */
  get isUnsettled(): boolean {
    return (this.state.local?.latest ?? 0) > (this.state.head?.latest ?? 0);
  }

  /** True while this object is needed: somebody waits, or followers are not up to date. */
  get isBusy(): boolean {
    if (this.#leading !== undefined || this.state.shared?.isAwaited === true) return true;
    return this.#lead !== undefined && !this.#lead.isQuiet;
  }

  get terms(): Terms | undefined {
    const { selfId } = this.#parts.view;
    const latest = this.state.local?.latest ?? 0;
    return termsOf({ selfId, latest, root: nothing, terms: this.state.shared?.replica });
  }

  /** True if this node's copy counts. */
  get isHolder(): boolean {
    const { terms } = this;
    return terms !== undefined && !terms.leaving && terms.holders.includes(this.#parts.view.selfId);
  }

  /** Where this node's copy ends. */
  async position(): Promise<Position> {
    for (;;) {
      const latest = this.state.local?.latest ?? 0;
      if (this.#tip?.frontier.size === latest) return { latest, root: this.#tip.root };
      const frontier = await this.#parts.replicas.frontier(this.state, latest);
      if ((this.state.local?.latest ?? 0) === latest) this.#setTip(frontier);
    }
  }

  /**
   * Resolves when this node gives entries of the context their place. `claim` says who keeps it, if this node does not
   * know that it does, and if nobody has it. Rejects with UNAVAILABLE if it is not the home, or not enough holders take part.
   */
  async ensureLead(claim: NewContext): Promise<void> {
    await this.#changing?.catch(() => {});
    if (this.isWritable) return;
    if (this.#lead === undefined) await this.#ensureEpoch(claim);
    const lead = this.#lead;
    if (lead === undefined) throw deposed(this.contextId);
    // A home that had no answers goes on once everything is committed.
    if (!this.isWritable) this.#refuse(lead);
  }

  /**
   * Resolves when `minCopies` holders are known to have a committed entry. Rejects with UNAVAILABLE if that takes more than
   * `waitMs`, or another node takes over before.
   */
  async copied(sequence: number, minCopies: number, waitMs: number): Promise<void> {
    const lead = this.#lead;
    if (lead === undefined) throw isBelow(this.contextId);
    const { reached, giveUp } = this.#copyWaits.until(lead, sequence, minCopies);
    const cancel = this.#parts.clock.after(waitMs, () =>
      giveUp(minCopiesMissing(this.contextId, { sequence, copies: lead.copiesOf(sequence), minCopies })),
    );
    await reached.finally(cancel);
  }

  /** The local head has moved. */
  stored(rows: readonly StoredEntry[] | undefined): void {
    const latest = this.state.local?.latest ?? 0;
    if (rows !== undefined && this.#tip !== undefined && this.#tip.frontier.size + rows.length === latest) {
      const leaves = new Uint8Array(32 * rows.length);
      for (const [index, { contentHash }] of rows.entries()) leaves.set(contentHash, 32 * index);
      this.#setTip(this.#parts.hasher.extend(this.#tip.frontier, leaves, "rfc6962"));
    } else this.#tip = undefined;
    const lead = this.#lead;
    if (lead === undefined) return;
    if (this.#tip !== undefined) this.#advance(lead, rows);
    else void this.position().then(() => this.#lead === lead && this.#advance(lead, undefined));
  }

  replicate(item: ReplicateItem): Promise<ReplicateResult> {
    return this.#turns.run(async () => {
      const view = await this.#view();
      const verdict = judgeReplicate(view, item);
      if (verdict.kind !== "extend") {
        if (verdict.kind === "stored") this.#marked(item.committed);
        return verdict;
      }
      this.#yieldTo(item.epoch);
      const rows = item.rows.slice(verdict.skip);
      const latest = view.latest + rows.length;
      const terms = termsOf(view);
      const committed = Math.max(terms?.committed ?? 0, Math.min(item.committed, latest));
      const isNews =
        terms === undefined ||
        !sameEpoch(terms.accepted, item.epoch) ||
        !sameEpoch(terms.promised, item.epoch);
      const replica = this.#replica(item, item.epoch, committed);
      if (rows.length > 0) await this.#parts.replicas.extend(this.state, rows, replica);
      else if (isNews) await this.#parts.replicas.save(this.state, replica);
      this.#marked(committed);
      return { kind: "stored", latest };
    });
  }

  prepare(request: PeerCalls["prepare"]["request"]): Promise<PrepareResult> {
    return this.#turns.run(async () => {
      const before = judgePrepare(await this.#view(), request);
      if (before.kind !== "promise") return before;
      this.#yieldTo(request.epoch);
      await this.state.shared?.idle();
      const view = await this.#view();
      await this.#save(promisedTo(view, request));
      return { kind: "promised", ...(await this.#holding()) };
    });
  }

  async adopt(request: AdoptRequest, from: string): Promise<ReplicateResult> {
    const verdict = await this.#turns.run(async () => judgeAdopt(await this.#view(), request));
    if (verdict.kind !== "adopt") return verdict;
    this.#yieldTo(request.epoch);
    await this.#adopt(from, request);
    this.#marked(Math.min(request.committed, this.state.local?.latest ?? 0));
    return { kind: "stored", latest: this.state.local?.latest ?? 0 };
  }

  /** Takes new holders from the home. */
  acceptHolders(request: PeerCalls["holders"]["request"]): Promise<ReplicateResult> {
    return this.#turns.run(async () => {
      const view = await this.#view();
      const verdict = judgeHolders(view, request);
      const { holders, epoch, position } = request;
      const terms = termsOf(view);
      if (verdict.kind === "leave") {
        if (terms === undefined) return { kind: "stored", latest: 0 };
        this.#yieldTo(epoch);
        await this.#save({ ...terms, holders, promised: laterEpoch(terms.promised, epoch), leaving: true });
        this.#uses.holdersChanged();
        return { kind: "stored", latest: view.latest };
      }
      if (verdict.kind !== "accept") return verdict;
      this.#yieldTo(epoch);
      const committed = terms?.committed ?? 0;
      await this.#save({ holders, promised: epoch, accepted: epoch, committed, leaving: false });
      this.#uses.holdersChanged();
      return { kind: "stored", latest: position.latest };
    });
  }

  /**
   * Lets a holder come or go, as the home, which this node becomes if it is not. Appends wait for as long as that is told.
   * Rejects with UNAVAILABLE if it cannot be now; what was told to some is settled by the next takeover.
   */
  async changeHolders(change: HolderChange): Promise<void> {
    if (this.#lead === undefined)
      await this.#ensureEpoch({ holders: this.terms?.holders ?? [], isNew: false });
    const lead = this.#lead;
    const { shared } = this.state;
    if (lead === undefined || shared === undefined || this.#changing !== undefined)
      throw notHome(this.contextId);
    const transfer = this.#transfer(lead, change);
    if (change.kind === "add") await copyToNewcomer(this.#parts, transfer);
    this.#changing = transferHolders(this.#parts, transfer).finally(() => {
      this.#changing = undefined;
      shared.isPaused = false;
    });
    try {
      await this.#changing;
    } catch (error) {
      // Whoever is home next begins with what was written.
      if (this.#lead === lead) this.#depose();
      throw error;
    }
  }

  /**
   * Takes what another node says of who keeps the context. Returns if this node does not, and has what is left of its copy to
   * give up.
   */
  learn({ accepted, holders }: Pick<Holding, "accepted" | "holders">): Promise<boolean> {
    return this.#turns.run(async () => {
      const now = this.terms;
      const { selfId } = this.#parts.view;
      if (now === undefined || holders.includes(selfId)) return false;
      const order = compareEpochs(accepted, now.accepted);
      // An epoch begins with its holders: of one epoch, only a copy that never counted is given up.
      if (order < 0 || (order === 0 && now.holders.includes(selfId))) return false;
      if (now.leaving && sameHolders(now.holders, holders)) return true;
      this.#depose();
      await this.#save({ ...now, holders, leaving: true });
      this.#uses.holdersChanged();
      return true;
    });
  }

  /** Archives what this node, which gives its copy up, has beyond the first `common` entries: the history of `winner` stands. */
  archiveBeyond(common: number, winner: Epoch): Promise<void> {
    return this.#turns.run(async () => {
      if (this.terms?.leaving !== true) return;
      await this.state.shared?.idle();
      const current = (): Replica | undefined => this.#asReplica(this.terms);
      await cut(this.#parts, this.state, { contextId: this.contextId, epoch: winner, current }, common);
      this.#uses.archived();
    });
  }

  /** Deletes this node's copy, if it is still to be given up; who keeps the context instead is remembered. */
  drop(): Promise<void> {
    return this.#turns.run(async () => {
      const { terms } = this;
      if (terms?.leaving !== true) return;
      await this.#parts.replicas.drop(this.state, this.#asReplica({ ...terms, committed: 0 }));
      this.#tip = undefined;
    });
  }

  async holding(): Promise<Holding | undefined> {
    return this.terms === undefined ? undefined : await this.#holding();
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
      const committed = this.state.head?.latest ?? 0;
      const { accepted } = replica;
      const item = digestItem(this.contextId, { ...(await this.position()), committed, accepted }, hasher);
      const isSaved = this.#lead === undefined;
      const written = { ...replica, committed: Math.max(replica.committed, committed), digestItem: item };
      if (isSaved) await replicas.save(this.state, written);
      return { holders: replica.holders, item, isSaved };
    });
  }

  /** Compares the history of every follower with this node's once more, if it is the home. */
  recheck(): void {
    const lead = this.#lead;
    if (lead === undefined) return;
    lead.recheck();
    for (const nodeId of lead.followers()) this.#uses.pipeTo(nodeId).wake(this, true);
  }

  /** A follower has answered. */
  progressed({ deposedBy }: { readonly deposedBy?: Epoch }): void {
    const lead = this.#lead;
    if (lead === undefined) return;
    if (deposedBy !== undefined) {
      this.#seen = laterEpoch(this.#seen, deposedBy);
      if (compareEpochs(deposedBy, lead.epoch) > 0) this.#depose();
      return;
    }
    this.#publish(lead);
  }

  /** Ends everything that this object has begun. */
  close(): void {
    this.#depose();
    this.#cancelSave?.();
    this.#cancelSave = undefined;
  }

  /** Resolves when this node has an epoch of its own, whether or not it may append with it. */
  async #ensureEpoch(claim: NewContext): Promise<void> {
    this.#leading ??= this.#begin(claim).finally(() => (this.#leading = undefined));
    await this.#leading;
  }

  async #begin(claim: NewContext): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#takeOver(claim);
      } catch (error) {
        const isLost = error instanceof LedgerError && error.facts.reason === "DEPOSED";
        if (!isLost || attempt >= attemptsMax) throw error;
      }
      await delay(this.#parts.clock, this.#timing.retryMsMin * attempt * (0.5 + this.#parts.random()));
    }
  }

  /** Becomes the writer under a new epoch, with the history and the holders that stand among those of enough holders. */
  async #takeOver({ holders: newHolders, isNew }: NewContext): Promise<void> {
    const { view, rules } = this.#parts;
    const { selfId } = view;
    const { contextId, terms } = this;
    const known = terms !== undefined && this.isHolder ? terms.holders : newHolders;
    if (!known.includes(selfId) || homeOf(known, view) !== selfId) throw notHome(contextId);
    if (!this.#seesPromises(known)) throw tooFewHolders(contextId, known, rules, view);
    const isCreation = isNew && terms === undefined && known[0] === selfId;
    const first: Epoch = { counter: 1, nodeId: selfId };
    const epoch = isCreation
      ? first
      : nextEpoch(selfId, [this.#seen, terms?.promised ?? noEpoch, terms?.accepted ?? noEpoch]);
    const claim = { contextId, epoch, holders: known };
    const own = await this.#turns.run(async () => {
      const seen = await this.#view();
      // Another node may have been promised something in the meantime.
      const before = termsOf(seen);
      if (before !== undefined && (isCreation || compareEpochs(epoch, before.promised) <= 0))
        throw deposed(contextId);
      const promised = promisedTo(seen, claim);
      const accepted = isCreation ? epoch : promised.accepted;
      await this.#save({ ...promised, accepted });
      return { nodeId: selfId, ...(await this.#holding()) };
    });
    const { holders, candidates } = isCreation
      ? { holders: known, candidates: [own] }
      : await askForPromises(this.#parts, { ...claim, own, seen: (other) => this.#see(other) });
    if (!holders.includes(selfId)) {
      await this.#holdPromise(epoch, (now) => this.#save({ ...now, holders, leaving: true }));
      this.#uses.holdersChanged();
      throw notHome(contextId);
    }
    const best = bestCandidate(candidates, selfId);
    if (best !== undefined && best.nodeId !== selfId)
      await this.#adopt(best.nodeId, { ...claim, holders, target: best, committed: best.committed });
    await this.#holdPromise(epoch, async (now) => {
      const position = await this.position();
      const committed = Math.min(position.latest, Math.max(...candidates.map((one) => one.committed)));
      if (!sameEpoch(now.accepted, epoch) || !sameHolders(now.holders, holders))
        await this.#save({ ...now, holders, accepted: epoch, committed, leaving: false });
      // Nobody else changes who the holders are now.
      if (!isCreation) this.#uses.holdersChanged();
      this.#start(epoch, holders, position, committed);
    });
  }

  /** What it takes to let a holder come or go. */
  #transfer(lead: Lead, change: HolderChange): HolderTransfer {
    const { contextId } = this;
    const { selfId } = this.#parts.view;
    const { holders } = change;
    return {
      ...{ contextId, lead, change },
      isOver: () => this.#lead !== lead,
      position: () => this.position(),
      pause: async () => {
        const { shared } = this.state;
        if (shared === undefined || this.#lead !== lead) throw notHome(contextId);
        shared.isPaused = true;
        await shared.idle();
      },
      promise: async () => {
        const epoch = nextEpoch(selfId, [this.#seen, lead.epoch]);
        await this.#holdPromise(lead.epoch, (now) => this.#save({ ...now, promised: epoch }));
        return { epoch, own: { nodeId: selfId, ...(await this.#holding()) } };
      },
      seen: (epoch) => this.#see(epoch),
      store: (epoch) =>
        this.#holdPromise(epoch, (now) =>
          this.#save({ ...now, holders, accepted: epoch, committed: lead.committed }),
        ),
      start: (epoch, position) =>
        this.#holdPromise(epoch, async () => this.#start(epoch, holders, position, lead.committed)),
      madeElsewhere: () => this.#depose(),
    };
  }

  #see(epoch: Epoch): void {
    this.#seen = laterEpoch(this.#seen, epoch);
  }

  /** Does something as the node that was promised `epoch` last. Rejects with DEPOSED if that is another one now. */
  #holdPromise(epoch: Epoch, act: (now: Terms) => Promise<void>): Promise<void> {
    return this.#turns.run(async () => {
      const now = this.terms;
      if (now === undefined || !sameEpoch(now.promised, epoch)) throw deposed(this.contextId);
      await act(now);
    });
  }

  #start(epoch: Epoch, holders: readonly string[], start: Position, committed: number): void {
    const { view, rules } = this.#parts;
    const required = copiesRequired(rules.writeCopies, holders.length);
    const { contextId } = this;
    const bufferBytesMax = limits.leadBufferBytesMax;
    const lead = new Lead({
      contextId,
      selfId: view.selfId,
      epoch,
      holders,
      required,
      start,
      committed,
      bufferBytesMax,
    });
    this.#lead = lead;
    this.#isStalled = false;
    const { shared } = this.state;
    if (shared !== undefined) {
      shared.isWritable = true;
      shared.counts = lead;
    }
    this.#publish(lead);
    for (const nodeId of lead.followers()) this.#uses.pipeTo(nodeId).wake(this, true);
  }

  #advance(lead: Lead, rows: readonly StoredEntry[] | undefined): void {
    const tip = this.#tip;
    if (tip === undefined || tip.frontier.size < lead.latest) return;
    lead.advanced({ latest: tip.frontier.size, root: tip.root }, rows);
    this.#publish(lead);
    for (const nodeId of lead.followers()) this.#uses.pipeTo(nodeId).wake(this, false);
  }

  /** Lets be seen what is committed, and tells followers. */
  #publish(lead: Lead): void {
    const { shared } = this.state;
    if (shared === undefined) return;
    this.#copyWaits.progressed(lead);
    const before = this.state.head?.latest ?? 0;
    shared.commit(lead.committed);
    const { clock } = this.#parts;
    if ((this.state.head?.latest ?? 0) > before) this.#progressMs = clock.monotonicMs();
    if (this.#isStalled && lead.committed === lead.latest) {
      this.#isStalled = false;
      shared.isWritable = true;
    }
    this.#saveMarkSoon();
    if (!lead.isQuiet) this.#cancelMark ??= clock.after(this.#timing.markMs, () => this.#tellMark());
    if (lead.committed < lead.latest) this.#cancelStall ??= this.#armStall();
  }

  #tellMark(): void {
    this.#cancelMark = undefined;
    for (const nodeId of this.#lead?.followers() ?? []) this.#uses.pipeTo(nodeId).wake(this, true);
  }

  #armStall(): () => void {
    const { clock } = this.#parts;
    const sinceMs = clock.monotonicMs();
    return clock.after(this.#timing.stallMs, () => {
      this.#cancelStall = undefined;
      const { shared } = this.state;
      const lead = this.#lead;
      if (shared === undefined || lead === undefined || lead.committed === lead.latest) return;
      if (this.#progressMs < sinceMs) {
        this.#isStalled = true;
        shared.isWritable = false;
        shared.fail(copiesMissing(this.contextId, lead, this.#timing.stallMs));
      } else this.#cancelStall = this.#armStall();
    });
  }

  /** This node has an epoch, and cannot append just now. */
  #refuse(lead: Lead): never {
    const { view, rules } = this.#parts;
    if (homeOf(lead.holders, view) !== view.selfId) throw notHome(this.contextId);
    throw tooFewHolders(this.contextId, lead.holders, rules, view);
  }

  /** Another writer has a later epoch. */
  #yieldTo(epoch: Epoch): void {
    if (this.#lead !== undefined && compareEpochs(this.#lead.epoch, epoch) < 0) this.#depose();
  }

  #depose(): void {
    this.#lead = undefined;
    this.#isStalled = false;
    this.#cancelMark?.();
    this.#cancelMark = undefined;
    this.#cancelStall?.();
    this.#cancelStall = undefined;
    const { shared } = this.state;
    if (shared === undefined) return;
    shared.isWritable = false;
    shared.counts = undefined;
    this.#copyWaits.fail(isBelow(this.contextId));
    shared.fail(isBelow(this.contextId));
  }

  async #adopt(from: string, request: AdoptRequest): Promise<void> {
    const { epoch, target, contextId } = request;
    const adoption = {
      ...{ contextId, from, target, epoch },
      replica: (latest: number) =>
        this.#replica(
          request,
          epoch,
          Math.max(this.terms?.committed ?? 0, Math.min(latest, request.committed)),
        ),
      current: () => this.state.shared?.replica ?? this.#asReplica(this.terms),
      position: () => this.position(),
      archived: this.#uses.archived,
    };
    await this.#adoptions.run(() => adopt(this.#parts, this.#turns, this.state, adoption));
  }

  /** Entries up to `committed` may be seen. */
  #marked(committed: number): void {
    this.state.shared?.commit(committed);
    this.#saveMarkSoon();
  }

  /** The committed sequence is written with the next rows, or alone after a while. */
  #saveMarkSoon(): void {
    const seen = this.state.head?.latest ?? 0;
    if (seen <= (this.state.shared?.replica.committed ?? 0)) return;
    this.#cancelSave ??= this.#parts.clock.after(this.#timing.markSavedMs, () => {
      this.#cancelSave = undefined;
      void this.#turns
        .run(async () => {
          const { shared, head } = this.state;
          if (shared === undefined || (head?.latest ?? 0) <= shared.replica.committed) return;
          await this.#save({ ...shared.replica, committed: head?.latest ?? 0 });
        })
        .catch(() =>
          this.#parts.log.debug("a committed sequence was not written", { context: this.contextId }),
        );
    });
  }

  async #view(): Promise<HolderView> {
    const position = await this.position();
    return { ...position, selfId: this.#parts.view.selfId, terms: this.state.shared?.replica };
  }

  async #holding(): Promise<Holding> {
    const position = await this.position();
    const terms = this.terms ?? {
      holders: [],
      promised: noEpoch,
      accepted: noEpoch,
      committed: 0,
      leaving: false,
    };
    const { holders, promised, accepted, leaving } = terms;
    // What is seen is committed, also if that is not written yet.
    const committed = Math.max(terms.committed, this.state.head?.latest ?? 0);
    return { ...position, holders, promised, accepted, committed, leaving };
  }

  async #save(terms: Terms): Promise<void> {
    const replica = this.#asReplica(terms);
    if (replica !== undefined) await this.#parts.replicas.save(this.state, replica);
  }

  #asReplica(terms: Terms | undefined): Replica | undefined {
    if (terms === undefined) return undefined;
    const { holders, promised, accepted, committed, leaving } = terms;
    const { contextId } = this;
    return { contextId, holders, promised, accepted, committed, leaving, digestItem: undefined };
  }

  #replica({ holders }: { holders: readonly string[] }, epoch: Epoch, committed: number): Replica {
    const { contextId } = this;
    return {
      contextId,
      holders,
      promised: epoch,
      accepted: epoch,
      committed,
      leaving: false,
      digestItem: undefined,
    };
  }

  #seesCopies(holders: readonly string[]): boolean {
    return this.#alive(holders) >= copiesRequired(this.#parts.rules.writeCopies, holders.length);
  }

  #seesPromises(holders: readonly string[]): boolean {
    return this.#alive(holders) >= promisesRequired(this.#parts.rules.writeCopies, holders.length);
  }

  #alive(holders: readonly string[]): number {
    return holders.filter((nodeId) => this.#parts.view.isAlive(nodeId)).length;
  }

  #setTip(frontier: Frontier): void {
    this.#tip = { frontier, root: frontierRoot(frontier, "rfc6962", this.#parts.hasher) };
  }
}

const nothing = new Uint8Array();

function sameHolders(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((nodeId) => b.includes(nodeId));
}
