import { sameEpoch } from "../../core/epoch.ts";
import { copiesRequired } from "../../core/write-copies.ts";
import type { HolderChange } from "../../sync/holder-change.ts";
import type { Lead } from "../../sync/lead.ts";
import type { AdoptRequest, PeerCalls } from "../../sync/peer-messages.ts";
import { compareHistories, nextEpoch } from "../../sync/takeover.ts";
import { commonPrefix } from "./adoption.ts";
import type { Home } from "./home.ts";
import type { LocalCopy } from "./local-copy.ts";
import { delay, type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import { deposed, notHome, tooFewHolders } from "./refusals.ts";
import type { Takeover } from "./takeover.ts";
import type { Turns } from "./turns.ts";

/** Copies that a newcomer makes of a context that grows, and what may be missing then while appends wait for the rest. */
const copiesMax = 8;
const fewEntries = 1000;

/** How holders of one context come and go, and how a former one deletes its copy. */
export class HolderSwitch {
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #copy: LocalCopy;
  readonly #turns: Turns;
  readonly #home: Home;
  readonly #takeover: Takeover;
  #changing: Promise<void> | undefined;

  constructor(
    parts: ReplicationParts,
    uses: {
      readonly copy: LocalCopy;
      readonly turns: Turns;
      readonly home: Home;
      readonly takeover: Takeover;
    },
  ) {
    this.#parts = parts;
    this.#timing = parts.timing ?? replicationTiming;
    this.#copy = uses.copy;
    this.#turns = uses.turns;
    this.#home = uses.home;
    this.#takeover = uses.takeover;
  }

  /** Settles when appends need not wait for a change any more; undefined if there is none. */
  get changing(): Promise<void> | undefined {
    return this.#changing;
  }

  /**
   * Lets a holder come or go, as the home. Appends wait for as long as that is told to enough of the old holders and enough of
   * the new ones. Rejects with UNAVAILABLE if it cannot be now; what was told to some is settled by the next takeover.
   */
  async change(change: HolderChange): Promise<void> {
    const { lead } = this.#home;
    const { contextId } = this.#copy;
    if (lead === undefined || this.#changing !== undefined) throw notHome(contextId);
    if (change.kind === "add") await this.#copyTo(change.nodeId, lead, change.holders);
    this.#changing = this.#switch(lead, change).finally(() => {
      this.#changing = undefined;
      const { shared } = this.#copy.state;
      if (shared !== undefined) shared.isPaused = false;
    });
    await this.#changing;
  }

  /** Tells a node that still takes itself for a holder who keeps the context, if this node is the home. */
  async tell(nodeId: string): Promise<void> {
    const { lead } = this.#home;
    if (lead === undefined || lead.holders.includes(nodeId)) return;
    const { contextId } = this.#copy;
    const { epoch, holders } = lead;
    const position = await this.#copy.position();
    const request = { contextId, epoch, holders, position };
    await this.#parts.peers.call(nodeId, "holders", request, { timeoutMs: this.#timing.askMs });
  }

  /**
   * Deletes this node's copy, which it has given up, if every holder has all of it and nothing of it is archived here. Returns
   * if that was so.
   */
  async dropIfHeld(): Promise<boolean> {
    const { terms, contextId, state } = this.#copy;
    const { peers, replicas } = this.#parts;
    if (terms?.leaving !== true) return false;
    if ((await replicas.archives(contextId)).length > 0) return false;
    const own = await this.#copy.position();
    const { committed } = this.#copy;
    const holders = await this.#currentHolders(terms.holders);
    for (const nodeId of holders) {
      const asked = { timeoutMs: this.#timing.askMs };
      const { holding } = await peers.call(nodeId, "holding", { contextId }, asked);
      if (holding === undefined || holding.leaving || holding.committed < committed) return false;
      const { latest, root } = holding;
      const other = { contextId, from: nodeId, target: { latest, root } };
      if ((await commonPrefix(this.#parts, state, other, own)) < committed) return false;
    }
    await this.#turns.run(async () => {
      if (this.#copy.terms?.leaving === true) await replicas.drop(state);
      this.#copy.moved(undefined);
    });
    return true;
  }

  /** Who keeps the context now: others may have come and gone since this node was told. Rejects if nobody says. */
  async #currentHolders(known: readonly string[]): Promise<readonly string[]> {
    const { peers, rules, view } = this.#parts;
    const { contextId } = this.#copy;
    const answers = await Promise.all(
      known.map(async (nodeId) => {
        const asked = { timeoutMs: this.#timing.askMs };
        const { holding } = await peers
          .call(nodeId, "holding", { contextId }, asked)
          .catch(() => ({ holding: undefined }));
        return holding === undefined || holding.leaving ? [] : [holding];
      }),
    );
    const [first, ...others] = answers.flat();
    if (first === undefined) throw tooFewHolders(contextId, known, rules, view);
    const newest = others.reduce((best, one) => (compareHistories(one, best) > 0 ? one : best), first);
    return newest.holders;
  }

  /** The copy itself, while appends go on, until what is missing is little. */
  async #copyTo(nodeId: string, lead: Lead, holders: readonly string[]): Promise<void> {
    const { contextId } = this.#copy;
    for (let copies = 0, copied = 0; copies < copiesMax; copies += 1) {
      const target = await this.#copy.position();
      if (copies > 0 && target.latest - copied < fewEntries) return;
      const request = { contextId, epoch: lead.epoch, holders, target, committed: lead.committed };
      await this.#mustAdopt(nodeId, request, this.#timing.adoptMs);
      copied = target.latest;
    }
  }

  /** Tells enough of the old holders and enough of the new ones who keeps the context from now on. */
  async #switch(lead: Lead, change: HolderChange): Promise<void> {
    const { view, rules } = this.#parts;
    const { contextId, state } = this.#copy;
    const { holders } = change;
    const { shared } = state;
    if (shared === undefined || this.#home.lead !== lead) throw notHome(contextId);
    shared.isPaused = true;
    try {
      await shared.idle();
      const position = await this.#copy.position();
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
      if (this.#home.lead !== lead) throw deposed(contextId);
      const epoch = nextEpoch(view.selfId, [this.#takeover.seen, lead.epoch]);
      await this.#turns.run(async () => {
        const now = this.#copy.terms;
        if (now === undefined || !sameEpoch(now.promised, lead.epoch)) throw deposed(contextId);
        const { committed } = lead;
        await this.#copy.save({ ...now, holders, promised: epoch, accepted: epoch, committed });
      });
      if (!(await this.#isTold(lead, { contextId, epoch, holders, position })))
        throw tooFewHolders(contextId, holders, rules, view);
      await this.#turns.run(async () => {
        const now = this.#copy.terms;
        if (now === undefined || !sameEpoch(now.promised, epoch)) throw deposed(contextId);
        this.#home.begin(epoch, holders, position, lead.committed);
      });
    } catch (error) {
      // Whoever is home next begins with what was written.
      if (this.#home.lead === lead) this.#home.end();
      throw error;
    }
  }

  /** Returns if enough of the old holders and enough of the new ones have taken the new set. */
  async #isTold(lead: Lead, request: PeerCalls["holders"]["request"]): Promise<boolean> {
    const { peers, view, rules } = this.#parts;
    const told = new Set([view.selfId]);
    const isEnough = (of: readonly string[]): boolean =>
      of.filter((nodeId) => told.has(nodeId)).length >= copiesRequired(rules.writeCopies, of.length);
    const areEnough = (): boolean => isEnough(lead.holders) && isEnough(request.holders);
    const enough = Promise.withResolvers<void>();
    const everybody = new Set([...lead.holders, ...request.holders]);
    everybody.delete(view.selfId);
    const telling = [...everybody].map(async (nodeId) => {
      const answer = await peers
        .call(nodeId, "holders", request, { timeoutMs: this.#timing.askMs })
        .catch(() => undefined);
      if (answer?.kind === "stored") told.add(nodeId);
      else if (answer?.kind === "refused") this.#takeover.heard(answer.promised);
      if (areEnough()) enough.resolve();
    });
    await Promise.race([enough.promise, Promise.all(telling)]);
    return areEnough();
  }

  async #mustAdopt(nodeId: string, request: AdoptRequest, timeoutMs: number): Promise<void> {
    const { peers, rules, view } = this.#parts;
    const answer = await peers.call(nodeId, "adopt", request, { timeoutMs });
    if (answer.kind === "stored" && answer.latest >= request.target.latest) return;
    // A takeover puts this node's epoch above what the other has promised, or its history above one that the other made itself.
    if (answer.kind === "refused") this.#takeover.heard(answer.promised);
    if (answer.kind === "refused" || (answer.kind === "not-holder" && request.epoch.counter === 1))
      this.#home.end();
    throw tooFewHolders(this.#copy.contextId, request.holders, rules, view);
  }

  /** Resolves when everything that is stored here is committed. Rejects with UNAVAILABLE if that takes too long. */
  async #allCommitted(lead: Lead): Promise<void> {
    const { clock, rules, view } = this.#parts;
    const giveUpMs = clock.monotonicMs() + this.#timing.stallMs;
    while (lead.committed < lead.latest) {
      if (this.#home.lead !== lead) throw deposed(this.#copy.contextId);
      if (clock.monotonicMs() >= giveUpMs)
        throw tooFewHolders(this.#copy.contextId, lead.holders, rules, view);
      await delay(clock, this.#timing.markMs);
    }
  }
}
