import { compareEpochs, type Epoch, laterEpoch, noEpoch, sameEpoch } from "../../core/epoch.ts";
import { LedgerError } from "../../core/errors.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import type { AdoptRequest, PeerCalls } from "../../sync/peer-messages.ts";
import { bestCandidate, type Candidate, nextEpoch } from "../../sync/takeover.ts";
import { promisedTo, sameHolders, type Terms, termsOf } from "../../sync/terms.ts";
import { homeOf } from "../../sync/view.ts";
import { commonPrefix } from "./difference.ts";
import type { Home } from "./home.ts";
import type { LocalCopy } from "./local-copy.ts";
import { delay, type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import { askForPromises } from "./promise-round.ts";
import { copyDamaged, deposed, notHome, tooFewHolders } from "./refusals.ts";
import type { Turns } from "./turns.ts";

const attemptsMax = 4;

/** A context that this node does not keep, as far as it knows. */
export interface NewContext {
  /** Who keeps it, or is to. */
  readonly holders: readonly string[];
  /** True if nobody who was asked has it. */
  readonly isNew: boolean;
}

/** How this node becomes the home of a context. */
export class Takeover {
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #copy: LocalCopy;
  readonly #turns: Turns;
  readonly #home: Home;
  readonly #adopt: (from: string, request: AdoptRequest) => Promise<void>;
  readonly #holdersChanged: () => void;
  /** The latest epoch that another holder has promised. */
  #seen: Epoch = noEpoch;

  constructor(
    parts: ReplicationParts,
    uses: {
      readonly copy: LocalCopy;
      readonly turns: Turns;
      readonly home: Home;
      readonly adopt: (from: string, request: AdoptRequest) => Promise<void>;
      /** The holders may not be those that are wanted. */
      readonly holdersChanged: () => void;
    },
  ) {
    this.#parts = parts;
    this.#timing = parts.timing ?? replicationTiming;
    this.#copy = uses.copy;
    this.#turns = uses.turns;
    this.#home = uses.home;
    this.#adopt = uses.adopt;
    this.#holdersChanged = uses.holdersChanged;
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

  /** With the history and the holders that stand among those of enough holders. */
  async #attempt({ holders: newHolders, isNew }: NewContext): Promise<void> {
    const { view, rules } = this.#parts;
    const { selfId } = view;
    const { contextId, terms, isHolder } = this.#copy;
    const known = terms !== undefined && isHolder ? terms.holders : newHolders;
    // Others may have accepted later holders: those that promise tell, and then count.
    const isHome = [known, newHolders].some((of) => homeOf(of, view) === selfId);
    if (!known.includes(selfId) || !isHome) throw notHome(contextId);
    if (!this.#home.seesPromises(known)) throw tooFewHolders(contextId, known, rules, view);
    const isCreation = isNew && terms === undefined && known[0] === selfId;
    const { promised = noEpoch, accepted = noEpoch } = terms ?? {};
    const epoch = isCreation
      ? { counter: 1, nodeId: selfId }
      : nextEpoch(selfId, [this.#seen, promised, accepted]);
    const claim = { contextId, epoch, holders: known };
    const own = await this.#promiseMyself(claim, isCreation);
    const { holders, candidates } = isCreation
      ? { holders: known, candidates: [own] }
      : await askForPromises(this.#parts, { ...claim, own, seen: (other) => this.heard(other) });
    if (!holders.includes(selfId)) {
      await this.holdPromise(epoch, (now) => this.#copy.save({ ...now, holders, leaving: true }));
      this.#holdersChanged();
      throw notHome(contextId);
    }
    await this.#findDamage(candidates, own);
    const best = bestCandidate(candidates, selfId);
    if (best !== undefined && best.nodeId !== selfId) await this.#adoptFrom(best, { ...claim, holders });
    await this.holdPromise(epoch, async (now) => {
      const position = await this.#copy.position();
      const committed = Math.min(position.latest, Math.max(...candidates.map((one) => one.committed)));
      if (!sameEpoch(now.accepted, epoch) || !sameHolders(now.holders, holders))
        await this.#copy.save({ ...now, holders, accepted: epoch, committed, leaving: false });
      this.#home.begin(epoch, holders, position, committed);
    });
    // Nobody else changes who the holders are now.
    if (!isCreation) this.#holdersChanged();
  }

  /** Of copies of one writer that are equally long, and not equal, one is damaged. Rejects with UNAVAILABLE if it is this node's. */
  async #findDamage(candidates: readonly Candidate[], own: Candidate): Promise<void> {
    const { contextId, state } = this.#copy;
    for (const { nodeId, accepted, latest, root } of candidates) {
      if (nodeId === this.#parts.view.selfId || !sameEpoch(accepted, own.accepted)) continue;
      if (latest !== own.latest || sameBytes(root, own.root)) continue;
      try {
        await commonPrefix(this.#parts, state, { contextId, from: nodeId, target: { latest, root } }, own);
      } catch (error) {
        // Whoever has the damaged copy finds out when it is to adopt this one.
        if (error instanceof LedgerError && error.facts.reason === "OWN_COPY_DAMAGED")
          throw copyDamaged(contextId);
      }
    }
  }

  async #adoptFrom(best: Candidate, claim: PeerCalls["prepare"]["request"]): Promise<void> {
    try {
      await this.#adopt(best.nodeId, { ...claim, target: best, committed: best.committed });
    } catch (error) {
      const isDamage = error instanceof LedgerError && error.code === "DATA_LOSS";
      throw isDamage ? copyDamaged(claim.contextId) : error;
    }
  }

  /** Does something as the node that was promised `epoch` last. Rejects with DEPOSED if that is another one now. */
  holdPromise(epoch: Epoch, act: (now: Terms) => Promise<void>): Promise<void> {
    return this.#turns.run(async () => {
      const now = this.#copy.terms;
      if (now === undefined || !sameEpoch(now.promised, epoch)) throw deposed(this.#copy.contextId);
      await act(now);
    });
  }

  /** Rejects with DEPOSED if another node was promised something in the meantime. */
  async #promiseMyself(claim: PeerCalls["prepare"]["request"], isCreation: boolean): Promise<Candidate> {
    return await this.#turns.run(async () => {
      const view = await this.#copy.view();
      const before = termsOf(view);
      if (before !== undefined && (isCreation || compareEpochs(claim.epoch, before.promised) <= 0))
        throw deposed(claim.contextId);
      const promised = promisedTo(view, claim);
      await this.#copy.save({ ...promised, accepted: isCreation ? claim.epoch : promised.accepted });
      return { nodeId: view.selfId, ...(await this.#copy.holding()) };
    });
  }
}
