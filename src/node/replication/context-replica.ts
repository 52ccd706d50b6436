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
import { bestCandidate, type Candidate, nextEpoch } from "../../sync/takeover.ts";
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
import { adopt, commonPrefix } from "./adoption.ts";
import { CopyWaits } from "./copy-waits.ts";
import { delay, type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import type { PeerPipe, PipedContext } from "./peer-pipe.ts";
import { copiesMissing, deposed, isBelow, minCopiesMissing, notHome, tooFewHolders } from "./refusals.ts";
import { Turns } from "./turns.ts";

const attemptsMax = 4;
/** Copies that a newcomer makes of a context that grows, and what may be missing then while appends wait for the rest. */
const copiesMax = 8;
const fewEntries = 1000;

/** A context of which this node has nothing. */
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
  /** This node has become the home. */
  readonly begun: () => void;
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
    return this.#seesEnough(this.#lead.holders);
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
   * Resolves when this node gives entries of the context their place. `claim` says who keeps it, if this node has nothing of
   * it, and if nobody has. Rejects with UNAVAILABLE if it is not the home, or not enough holders take part.
   */
  async ensureLead(claim: NewContext): Promise<void> {
    await this.#changing?.catch(() => {});
    if (this.isWritable) return;
    if (this.#lead !== undefined) return this.#recover(this.#lead);
    this.#leading ??= this.#begin(claim).finally(() => (this.#leading = undefined));
    await this.#leading;
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
        return { kind: "stored", latest: view.latest };
      }
      if (verdict.kind !== "accept") return verdict;
      this.#yieldTo(epoch);
      const committed = terms?.committed ?? 0;
      await this.#save({ holders, promised: epoch, accepted: epoch, committed, leaving: false });
      return { kind: "stored", latest: position.latest };
    });
  }

  /**
   * Lets a holder come or go, as the home. Appends wait for as long as that is told to enough of the old holders and enough of
   * the new ones. Rejects with UNAVAILABLE if it cannot be now; what was told to some is settled by the next takeover.
   */
  async changeHolders(change: HolderChange): Promise<void> {
    const lead = this.#lead;
    const { contextId } = this;
    const { holders } = change;
    if (lead === undefined || this.#changing !== undefined) throw notHome(contextId);
    if (change.kind === "add") {
      // The copy itself, while appends go on, until what is missing is little.
      for (let copies = 0, copied = 0; copies < copiesMax; copies += 1) {
        const target = await this.position();
        if (copies > 0 && target.latest - copied < fewEntries) break;
        const request = { contextId, epoch: lead.epoch, holders, target, committed: lead.committed };
        await this.#mustAdopt(change.nodeId, request, this.#timing.adoptMs);
        copied = target.latest;
      }
    }
    this.#changing = this.#switchHolders(lead, change).finally(() => {
      this.#changing = undefined;
      if (this.state.shared !== undefined) this.state.shared.isPaused = false;
    });
    await this.#changing;
  }

  /**
   * Deletes this node's copy, which it has given up, if every holder has all of it and nothing of it is archived here. Returns
   * if that was so.
   */
  async dropIfHeld(): Promise<boolean> {
    const { terms, contextId } = this;
    const { peers, replicas } = this.#parts;
    if (terms?.leaving !== true) return false;
    if ((await replicas.archives(contextId)).length > 0) return false;
    const own = await this.position();
    for (const nodeId of terms.holders) {
      const { holding } = await peers.call(
        nodeId,
        "holding",
        { contextId },
        { timeoutMs: this.#timing.askMs },
      );
      if (holding === undefined || holding.leaving) return false;
      const committed = this.state.head?.latest ?? 0;
      if (holding.committed < committed) return false;
      const { latest, root } = holding;
      const common = await commonPrefix(
        this.#parts,
        this.state,
        { contextId, from: nodeId, target: { latest, root } },
        own,
      );
      if (common < committed) return false;
    }
    await this.#turns.run(async () => {
      if (this.terms?.leaving === true) await replicas.drop(this.state);
      this.#tip = undefined;
    });
    return true;
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
      const item = digestItem(this.contextId, { ...(await this.position()), committed }, hasher);
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

  /** Becomes the writer under a new epoch, with the history that stands among those of enough holders. */
  async #takeOver({ holders: newHolders, isNew }: NewContext): Promise<void> {
    const { view, rules } = this.#parts;
    const { selfId } = view;
    const holders = this.terms?.holders ?? newHolders;
    if (this.terms?.leaving === true || !holders.includes(selfId) || homeOf(holders, view) !== selfId)
      throw notHome(this.contextId);
    if (!this.#seesEnough(holders)) throw tooFewHolders(this.contextId, holders, rules, view);
    const isCreation = isNew && this.terms === undefined && holders[0] === selfId;
    const first: Epoch = { counter: 1, nodeId: selfId };
    const terms = this.terms;
    const epoch = isCreation
      ? first
      : nextEpoch(selfId, [this.#seen, terms?.promised ?? noEpoch, terms?.accepted ?? noEpoch]);
    const claim = { contextId: this.contextId, epoch, holders };
    const own = await this.#turns.run(async () => {
      const seen = await this.#view();
      const promised = promisedTo(seen, claim);
      const accepted = isCreation ? epoch : promised.accepted;
      await this.#save({ ...promised, accepted });
      return await this.#holding();
    });
    const candidates: Candidate[] = [{ nodeId: selfId, ...own }];
    if (!isCreation) candidates.push(...(await this.#promises(claim)));
    const best = bestCandidate(candidates, selfId);
    if (best !== undefined && best.nodeId !== selfId)
      await this.#adopt(best.nodeId, { ...claim, target: best, committed: best.committed });
    await this.#turns.run(async () => {
      const now = this.terms;
      if (now === undefined || !sameEpoch(now.promised, epoch)) throw deposed(this.contextId);
      const position = await this.position();
      const known = Math.max(...candidates.map(({ committed }) => committed));
      const committed = Math.min(position.latest, known);
      if (!sameEpoch(now.accepted, epoch)) await this.#save({ ...now, holders, accepted: epoch, committed });
      this.#start(epoch, holders, position, committed);
    });
  }

  /** Tells enough of the old holders and enough of the new ones who keeps the context from now on. */
  async #switchHolders(lead: Lead, change: HolderChange): Promise<void> {
    const { peers, view, rules } = this.#parts;
    const { contextId } = this;
    const { holders } = change;
    const { shared } = this.state;
    if (shared === undefined || this.#lead !== lead) throw notHome(contextId);
    shared.isPaused = true;
    try {
      await shared.idle();
      const position = await this.position();
      await this.#allCommitted(lead);
      if (change.kind === "add") {
        const request = {
          contextId,
          epoch: lead.epoch,
          holders,
          target: position,
          committed: lead.committed,
        };
        await this.#mustAdopt(change.nodeId, request, this.#timing.stallMs);
      }
      if (this.#lead !== lead) throw deposed(contextId);
      const epoch = nextEpoch(view.selfId, [this.#seen, lead.epoch]);
      await this.#turns.run(async () => {
        const now = this.terms;
        if (now === undefined || !sameEpoch(now.promised, lead.epoch)) throw deposed(contextId);
        const committed = lead.committed;
        await this.#save({ ...now, holders, promised: epoch, accepted: epoch, committed });
      });
      const told = new Set([view.selfId]);
      const request = { contextId, epoch, holders, position };
      const everybody = [...new Set([...lead.holders, ...holders])].filter(
        (nodeId) => nodeId !== view.selfId,
      );
      const isEnough = (of: readonly string[]): boolean =>
        of.filter((nodeId) => told.has(nodeId)).length >= copiesRequired(rules.writeCopies, of.length);
      const enough = Promise.withResolvers<void>();
      const telling = everybody.map(async (nodeId) => {
        const answer = await peers
          .call(nodeId, "holders", request, { timeoutMs: this.#timing.askMs })
          .catch(() => undefined);
        if (answer?.kind === "stored") told.add(nodeId);
        if (isEnough(lead.holders) && isEnough(holders)) enough.resolve();
      });
      await Promise.race([enough.promise, Promise.all(telling)]);
      if (!isEnough(lead.holders) || !isEnough(holders)) throw tooFewHolders(contextId, holders, rules, view);
      await this.#turns.run(async () => {
        const now = this.terms;
        if (now === undefined || !sameEpoch(now.promised, epoch)) throw deposed(contextId);
        this.#start(epoch, holders, position, lead.committed);
      });
    } catch (error) {
      // Whoever is home next begins with what was written.
      if (this.#lead === lead) this.#depose();
      throw error;
    }
  }

  async #mustAdopt(nodeId: string, request: AdoptRequest, timeoutMs: number): Promise<void> {
    const { peers, rules, view } = this.#parts;
    const answer = await peers.call(nodeId, "adopt", request, { timeoutMs });
    if (answer.kind === "stored" && answer.latest >= request.target.latest) return;
    // It made the context itself, with the same counter: a takeover puts one history above the other.
    if (answer.kind === "not-holder" && request.epoch.counter === 1) this.#depose();
    throw tooFewHolders(this.contextId, request.holders, rules, view);
  }

  /** Resolves when everything that is stored here is committed. Rejects with UNAVAILABLE if that takes too long. */
  async #allCommitted(lead: Lead): Promise<void> {
    const { clock, rules, view } = this.#parts;
    const giveUpMs = clock.monotonicMs() + this.#timing.stallMs;
    while (lead.committed < lead.latest) {
      if (this.#lead !== lead) throw deposed(this.contextId);
      if (clock.monotonicMs() >= giveUpMs) throw tooFewHolders(this.contextId, lead.holders, rules, view);
      await delay(clock, this.#timing.markMs);
    }
  }

  /** Returns what enough other holders answered that promised `epoch`. */
  async #promises(claim: PeerCalls["prepare"]["request"]): Promise<Candidate[]> {
    const { peers, view, rules, clock } = this.#parts;
    const others = claim.holders.filter((nodeId) => nodeId !== view.selfId);
    const needed =
      rules.writeCopies === "1" ? 0 : promisesRequired(rules.writeCopies, claim.holders.length) - 1;
    const candidates: Candidate[] = [];
    const enough = Promise.withResolvers<void>();
    const asked = others.map(async (nodeId) => {
      try {
        const answer = await peers.call(nodeId, "prepare", claim, { timeoutMs: this.#timing.askMs });
        if (answer.kind === "promised") candidates.push({ nodeId, ...answer });
        else if (answer.kind === "empty")
          candidates.push({ nodeId, accepted: noEpoch, committed: 0, latest: 0, root: nothing });
        else if (answer.kind === "refused") this.#seen = laterEpoch(this.#seen, answer.promised);
        if (rules.writeCopies !== "1" && candidates.length >= needed) enough.resolve();
      } catch {
        // Whoever does not answer has promised nothing.
      }
    });
    if (needed === 0 && rules.writeCopies !== "1") return [];
    await Promise.race([enough.promise, Promise.all(asked), delay(clock, this.#timing.askMs)]);
    if (compareEpochs(this.#seen, claim.epoch) > 0) throw deposed(this.contextId);
    if (candidates.length < needed) throw tooFewHolders(this.contextId, claim.holders, rules, view);
    return [...candidates];
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
    this.#uses.begun();
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

  /** A home that had no answers is asked for an append again: it goes on once everything is committed. */
  async #recover(lead: Lead): Promise<void> {
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

  #seesEnough(holders: readonly string[]): boolean {
    const { view, rules } = this.#parts;
    const alive = holders.filter((nodeId) => view.isAlive(nodeId)).length;
    return alive >= copiesRequired(rules.writeCopies, holders.length);
  }

  #setTip(frontier: Frontier): void {
    this.#tip = { frontier, root: frontierRoot(frontier, "rfc6962", this.#parts.hasher) };
  }
}

const nothing = new Uint8Array();
