import { compareEpochs, type Epoch } from "../../core/epoch.ts";
import { promisesRequired } from "../../core/write-copies.ts";
import type { HolderChange } from "../../sync/holder-change.ts";
import type { Lead } from "../../sync/lead.ts";
import type { Holding } from "../../sync/peer-messages.ts";
import { nextEpoch } from "../../sync/takeover.ts";
import { sameHolders } from "../../sync/terms.ts";
import { cut } from "./adoption.ts";
import { askHolding } from "./ask-holding.ts";
import { copyToNewcomer, type HolderTransfer, transferHolders } from "./holder-transfer.ts";
import type { Home } from "./home.ts";
import type { LocalCopy } from "./local-copy.ts";
import { type ReplicationParts, replicationTiming } from "./parts.ts";
import { notHome } from "./refusals.ts";
import type { Takeover } from "./takeover.ts";
import type { Turns } from "./turns.ts";

export interface HolderSwitchUses {
  readonly copy: LocalCopy;
  readonly turns: Turns;
  readonly home: Home;
  readonly takeover: Takeover;
  /** Entries of this node have lost their place. */
  readonly archived: () => void;
  /** Others keep the context from now on. */
  readonly holdersChanged: () => void;
}

/** How holders of one context come and go: on the home, and on one that goes. */
export class HolderSwitch {
  readonly #parts: ReplicationParts;
  readonly #uses: HolderSwitchUses;
  #changing: Promise<void> | undefined;

  constructor(parts: ReplicationParts, uses: HolderSwitchUses) {
    this.#parts = parts;
    this.#uses = uses;
  }

  /** Settles when appends need not wait for a change any more; undefined if there is none. */
  get changing(): Promise<void> | undefined {
    return this.#changing;
  }

  /**
   * Lets a holder come or go, as the home. Appends wait for as long as that is told. Rejects with UNAVAILABLE if it cannot be
   * now; what was told to some is settled by the next takeover.
   */
  async change(change: HolderChange): Promise<void> {
    const { home, copy } = this.#uses;
    const { lead } = home;
    if (lead === undefined || this.#changing !== undefined) throw notHome(copy.contextId);
    const transfer = this.#transfer(lead, change);
    if (change.kind === "add") await copyToNewcomer(this.#parts, transfer);
    this.#changing = transferHolders(this.#parts, transfer).finally(() => {
      this.#changing = undefined;
      const { shared } = copy.state;
      if (shared !== undefined) shared.isPaused = false;
    });
    try {
      await this.#changing;
    } catch (error) {
      // Whoever is home next begins with what was written.
      if (home.lead === lead) home.end();
      throw error;
    }
  }

  /** Tells a node that still takes itself for a holder who keeps the context, if this node is the home. */
  async tell(nodeId: string): Promise<void> {
    const { home, copy } = this.#uses;
    const { rules, view } = this.#parts;
    const { selfId } = view;
    const { lead } = home;
    if (lead === undefined || lead.holders.includes(nodeId)) return;
    const accepted = lead.holders.filter((id) => id === selfId || lead.ackedBy(id) !== undefined).length;
    // Before, a takeover might still begin with other holders, and need its promise.
    if (accepted < promisesRequired(rules.writeCopies, lead.holders.length)) return;
    const { epoch, holders } = lead;
    const request = { contextId: copy.contextId, epoch, holders, position: await copy.position() };
    const { askMs } = this.#parts.timing ?? replicationTiming;
    await this.#parts.peers.call(nodeId, "holders", request, { timeoutMs: askMs });
  }

  /**
   * Takes what another node, which has accepted more, says of who keeps the context: this node may be none of them any more, or
   * the home. Returns if it is none, and has what is left of its copy to give up. What not enough of those holders have
   * accepted may never come to count: then this node goes on as it was.
   */
  async learn(newest: Pick<Holding, "accepted" | "holders">): Promise<boolean> {
    const { turns, copy, home, holdersChanged } = this.#uses;
    const { accepted, holders } = newest;
    if (!(await this.#isDecided(newest))) return false;
    return await turns.run(async () => {
      const now = copy.terms;
      const { selfId } = this.#parts.view;
      if (now === undefined) return false;
      const order = compareEpochs(accepted, now.accepted);
      const leaving = !holders.includes(selfId);
      const isKnown = sameHolders(now.holders, holders);
      // An epoch begins with its holders: of one epoch, only a copy that never counted is given up.
      if (order < 0 || (order === 0 && copy.isHolder)) return false;
      // Who is wanted again is told with the history.
      if (!leaving && (isKnown || !copy.isHolder)) return false;
      if (now.leaving && isKnown) return true;
      home.end();
      await copy.save({ ...now, holders, leaving });
      holdersChanged();
      return leaving;
    });
  }

  /** Tells if so many holders have accepted an epoch, or a later one, that no takeover begins without knowing of it. */
  async #isDecided({ accepted, holders }: Pick<Holding, "accepted" | "holders">): Promise<boolean> {
    const { rules, view } = this.#parts;
    const { contextId, terms } = this.#uses.copy;
    const has = (theirs: Pick<Holding, "accepted"> | undefined): boolean =>
      theirs !== undefined && compareEpochs(theirs.accepted, accepted) >= 0;
    if (has(terms)) return true;
    const answers = holders
      .filter((nodeId) => nodeId !== view.selfId)
      .map(async (nodeId) => has(await askHolding(this.#parts, nodeId, contextId).catch(() => undefined)));
    const those = (await Promise.all(answers)).filter(Boolean).length;
    return those >= promisesRequired(rules.writeCopies, holders.length);
  }

  /** Archives what this node, which gives its copy up, has beyond the first `common` entries: the history of `winner` stands. */
  archiveBeyond(common: number, winner: Epoch): Promise<void> {
    const { turns, copy, archived } = this.#uses;
    return turns.run(async () => {
      if (copy.terms?.leaving !== true) return;
      await copy.state.shared?.idle();
      const { contextId, state } = copy;
      await cut(this.#parts, state, { contextId, epoch: winner, current: () => copy.replica }, common);
      archived();
    });
  }

  /** Deletes this node's copy, if it is still to be given up; what was promised, and who keeps the context instead, is kept. */
  drop(): Promise<void> {
    const { turns, copy } = this.#uses;
    return turns.run(async () => {
      if (copy.terms?.leaving === true) await this.#parts.replicas.drop(copy.state);
      copy.moved(undefined);
    });
  }

  /** What it takes to let a holder come or go. */
  #transfer(lead: Lead, change: HolderChange): HolderTransfer {
    const { home, copy, takeover } = this.#uses;
    const { selfId } = this.#parts.view;
    const { holders } = change;
    const { contextId } = copy;
    return {
      ...{ contextId, lead, change },
      isOver: () => home.lead !== lead,
      position: () => copy.position(),
      pause: async () => {
        const { shared } = copy.state;
        if (shared === undefined || home.lead !== lead) throw notHome(contextId);
        shared.isPaused = true;
        await shared.idle();
      },
      promise: async () => {
        const epoch = nextEpoch(selfId, [takeover.seen, lead.epoch]);
        await takeover.holdPromise(lead.epoch, (now) => copy.save({ ...now, promised: epoch }));
        return { epoch, own: { nodeId: selfId, ...(await copy.holding()) } };
      },
      seen: (epoch) => takeover.heard(epoch),
      store: (epoch) =>
        takeover.holdPromise(epoch, (now) =>
          copy.save({ ...now, holders, accepted: epoch, committed: lead.committed }),
        ),
      start: (epoch, position) =>
        takeover.holdPromise(epoch, async () => home.begin(epoch, holders, position, lead.committed)),
      madeElsewhere: () => home.end(),
    };
  }
}
