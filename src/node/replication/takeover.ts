import { compareEpochs, type Epoch, laterEpoch, noEpoch, sameEpoch } from "../../core/epoch.ts";
import { LedgerError } from "../../core/errors.ts";
import { promisesRequired } from "../../core/write-copies.ts";
import type { AdoptRequest, Holding, PeerCalls } from "../../sync/peer-messages.ts";
import { bestCandidate, type Candidate, nextEpoch } from "../../sync/takeover.ts";
import { promisedTo } from "../../sync/terms.ts";
import { homeOf } from "../../sync/view.ts";
import type { Home } from "./home.ts";
import type { LocalCopy } from "./local-copy.ts";
import { delay, type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import { deposed, notHome, tooFewHolders } from "./refusals.ts";
import type { Turns } from "./turns.ts";

const attemptsMax = 4;
const nothing = new Uint8Array();

/** A context of which this node has nothing. */
export interface NewContext {
  /** Who keeps it, or is to. */
  readonly holders: readonly string[];
  /** True if nobody who was asked has it. */
  readonly isNew: boolean;
}

/** What one holder answered, and who it says keeps the context. */
interface Promised extends Candidate {
  readonly holders: readonly string[];
}

/** How this node becomes the home of a context. */
export class Takeover {
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #copy: LocalCopy;
  readonly #turns: Turns;
  readonly #home: Home;
  readonly #adopt: (from: string, request: AdoptRequest) => Promise<void>;
  /** The latest epoch that another holder has promised. */
  #seen: Epoch = noEpoch;

  constructor(
    parts: ReplicationParts,
    uses: {
      readonly copy: LocalCopy;
      readonly turns: Turns;
      readonly home: Home;
      readonly adopt: (from: string, request: AdoptRequest) => Promise<void>;
    },
  ) {
    this.#parts = parts;
    this.#timing = parts.timing ?? replicationTiming;
    this.#copy = uses.copy;
    this.#turns = uses.turns;
    this.#home = uses.home;
    this.#adopt = uses.adopt;
  }

  get seen(): Epoch {
    return this.#seen;
  }

  /** Somebody has promised this epoch: the next one of this node is above it. */
  heard(epoch: Epoch): void {
    this.#seen = laterEpoch(this.#seen, epoch);
  }

  /** Becomes the home. Rejects with UNAVAILABLE if this node is not to, or not enough holders promise. */
  async run(claim: NewContext): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(claim);
      } catch (error) {
        const isLost = error instanceof LedgerError && error.facts.reason === "DEPOSED";
        if (!isLost || attempt >= attemptsMax) throw error;
      }
      await delay(this.#parts.clock, this.#timing.retryMsMin * attempt * (0.5 + this.#parts.random()));
    }
  }

  async #attempt({ holders: newHolders, isNew }: NewContext): Promise<void> {
    const { view, rules } = this.#parts;
    const { selfId } = view;
    const { contextId, terms } = this.#copy;
    const holders = terms?.holders ?? newHolders;
    if (terms?.leaving === true || !holders.includes(selfId) || homeOf(holders, view) !== selfId)
      throw notHome(contextId);
    if (!this.#home.seesEnough(holders)) throw tooFewHolders(contextId, holders, rules, view);
    const isCreation = isNew && terms === undefined && holders[0] === selfId;
    const { promised = noEpoch, accepted = noEpoch } = terms ?? {};
    const epoch = isCreation
      ? { counter: 1, nodeId: selfId }
      : nextEpoch(selfId, [this.#seen, promised, accepted]);
    const claim = { contextId, epoch, holders };
    const own = await this.#promiseMyself(claim, isCreation);
    const candidates: Promised[] = [{ nodeId: selfId, ...own }];
    if (!isCreation) candidates.push(...(await this.#promises(claim, own)));
    const best = bestCandidate(candidates, selfId) as Promised | undefined;
    if (best !== undefined && best.nodeId !== selfId) {
      await this.#checkHolders(claim, own, best);
      await this.#adopt(best.nodeId, { ...claim, target: best, committed: best.committed });
    }
    await this.#turns.run(async () => {
      const now = this.#copy.terms;
      if (now === undefined || !sameEpoch(now.promised, epoch)) throw deposed(contextId);
      const position = await this.#copy.position();
      const known = Math.max(...candidates.map(({ committed }) => committed));
      const committed = Math.min(position.latest, known);
      if (!sameEpoch(now.accepted, epoch))
        await this.#copy.save({ ...now, holders, accepted: epoch, committed });
      this.#home.begin(epoch, holders, position, committed);
    });
  }

  async #promiseMyself(claim: PeerCalls["prepare"]["request"], isCreation: boolean): Promise<Holding> {
    return await this.#turns.run(async () => {
      const promised = promisedTo(await this.#copy.view(), claim);
      await this.#copy.save({ ...promised, accepted: isCreation ? claim.epoch : promised.accepted });
      return await this.#copy.holding();
    });
  }

  /** Returns what enough other holders answered that promised the epoch of `claim`. */
  async #promises(claim: PeerCalls["prepare"]["request"], own: Holding): Promise<Promised[]> {
    const { peers, view, rules, clock } = this.#parts;
    const others = claim.holders.filter((nodeId) => nodeId !== view.selfId);
    const isAny = rules.writeCopies === "1";
    const needed = isAny ? 0 : promisesRequired(rules.writeCopies, claim.holders.length) - 1;
    if (needed === 0 && !isAny) return [];
    const promises: Promised[] = [];
    /** Holders that say this node, or the asked one, is none. */
    const refusing: string[] = [];
    const enough = Promise.withResolvers<void>();
    const asked = others.map(async (nodeId) => {
      try {
        const answer = await peers.call(nodeId, "prepare", claim, { timeoutMs: this.#timing.askMs });
        if (answer.kind === "promised") promises.push({ nodeId, ...answer });
        else if (answer.kind === "empty")
          promises.push({
            ...{ nodeId, accepted: noEpoch, committed: 0, latest: 0, root: nothing },
            holders: claim.holders,
          });
        else if (answer.kind === "refused") this.heard(answer.promised);
        else refusing.push(nodeId);
        if (!isAny && promises.length >= needed) enough.resolve();
      } catch {
        // Whoever does not answer has promised nothing.
      }
    });
    await Promise.race([enough.promise, Promise.all(asked), delay(clock, this.#timing.askMs)]);
    for (const nodeId of refusing) await this.#learnFrom(nodeId, claim, own);
    if (compareEpochs(this.#seen, claim.epoch) > 0) throw deposed(claim.contextId);
    if (promises.length < needed) throw tooFewHolders(claim.contextId, claim.holders, rules, view);
    return [...promises];
  }

  /** Asks a node that does not take this one for a holder who keeps the context now. */
  async #learnFrom(nodeId: string, claim: PeerCalls["prepare"]["request"], own: Holding): Promise<void> {
    const { contextId } = claim;
    const { holding } = await this.#parts.peers
      .call(nodeId, "holding", { contextId }, { timeoutMs: this.#timing.askMs })
      .catch(() => ({ holding: undefined }));
    if (holding !== undefined && !holding.leaving) await this.#checkHolders(claim, own, holding);
  }

  /**
   * Takes over who keeps the context from a holder that has accepted a later epoch, and tries again with them: they changed while
   * this node was away. Rejects with DEPOSED if that was so.
   */
  async #checkHolders(
    { contextId, holders }: PeerCalls["prepare"]["request"],
    own: Holding,
    other: Pick<Holding, "accepted" | "holders">,
  ): Promise<void> {
    if (compareEpochs(other.accepted, own.accepted) <= 0) return;
    const isSame =
      other.holders.length === holders.length && other.holders.every((id, i) => id === holders[i]);
    if (isSame) return;
    await this.#turns.run(async () => {
      const now = this.#copy.terms;
      if (now === undefined || !sameEpoch(now.accepted, own.accepted)) return;
      const leaving = !other.holders.includes(this.#parts.view.selfId);
      await this.#copy.save({ ...now, holders: other.holders, leaving });
    });
    throw deposed(contextId);
  }
}
