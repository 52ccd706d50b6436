import { asError } from "../../core/as-error.ts";
import { inLanes } from "../in-lanes.ts";
import { placementOrder } from "../../core/placement.ts";
import { nextHolderChange } from "../../sync/holder-change.ts";
import type { Holding } from "../../sync/peer-messages.ts";
import { hasBegun } from "../../sync/terms.ts";
import { homeOf } from "../../sync/view.ts";
import type { ContextReplica } from "./context-replica.ts";
import { dropIfHeld } from "./giving-up.ts";
import { delay, type ReplicationParts } from "./parts.ts";

export interface RebalancerParts extends ReplicationParts {
  readonly open: (contextId: string) => Promise<ContextReplica>;
  /** Returns the newest of what other nodes have of a context. */
  readonly newest: (contextId: string) => Promise<Holding | undefined>;
  /** Ids of every context this node has, in pages, each after the last of the one before. */
  readonly contextIds: (startAfter: string, limit: number) => Promise<readonly string[]>;
}

export interface RebalancerTiming {
  /** After a change of the cluster, so that a restart is not one. */
  readonly settleMs: number;
  /** Until what could not be done is tried again. */
  readonly retryMs: number;
  /** Another node takes the place of one that has been dead for so long. */
  readonly giveUpMs: number;
  /** Between two changes, so that copying leaves room for what clients want. */
  readonly pauseMs: number;
}

export const rebalancerTiming: RebalancerTiming = {
  settleMs: 5000,
  retryMs: 15_000,
  giveUpMs: 600_000,
  pauseMs: 5,
};

const pageMax = 256;
/** Contexts whose holders change at the same time: what they write to disk goes there together. */
const contextsAtOnce = 8;
/** Contexts to look at that are remembered; if more change, all are looked through. */
const dueMax = 4096;

/**
 * Moves copies to where they belong: looks through what this node has after the cluster has changed, and lets one holder at a
 * time come or go. A copy that is not needed any more is deleted once every holder has all of it.
 */
export class Rebalancer {
  readonly #parts: RebalancerParts;
  readonly #timing: RebalancerTiming;
  /** Since when nodes are seen dead, by this node's clock. */
  readonly #deadSinceMs = new Map<string, number>();
  /** Since when there are copies of contexts here that this node is no holder of, and was not told to give up. */
  readonly #newcomersSinceMs = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #isRunning = false;
  /** All contexts are to be looked through. */
  #isStale = true;
  /** Contexts to look at, if not all. */
  readonly #due = new Set<string>();
  #isStopped = false;
  readonly counts = { added: 0, removed: 0, dropped: 0 };

  constructor(parts: RebalancerParts, timing = rebalancerTiming) {
    this.#parts = parts;
    this.#timing = timing;
    this.#arm(timing.settleMs);
  }

  /** The cluster looks different. */
  changed(): void {
    this.#noteDead();
    this.#isStale = true;
    if (!this.#isRunning) this.#arm(this.#timing.settleMs);
  }

  /** The holders of one context are others. */
  holdersChanged(contextId: string): void {
    if (this.#due.size < dueMax) this.#due.add(contextId);
    else this.#isStale = true;
    if (!this.#isRunning && this.#cancel === undefined) this.#arm(this.#timing.settleMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #noteDead(): void {
    const { view, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    for (const nodeId of view.roster()) {
      if (view.isAlive(nodeId)) this.#deadSinceMs.delete(nodeId);
      else if (!this.#deadSinceMs.has(nodeId)) this.#deadSinceMs.set(nodeId, nowMs);
    }
    for (const nodeId of this.#deadSinceMs.keys())
      if (!view.roster().includes(nodeId)) this.#deadSinceMs.delete(nodeId);
  }

  #arm(afterMs: number): void {
    this.#cancel?.();
    if (this.#isStopped) return;
    const waitMs = afterMs * (0.75 + this.#parts.random() / 2);
    this.#cancel = this.#parts.clock.after(waitMs, () => {
      this.#cancel = undefined;
      void this.#walk();
    });
  }

  async #walk(): Promise<void> {
    this.#isRunning = true;
    try {
      this.#noteDead();
      const { view } = this.#parts;
      // Somebody who is dead now will have been for too long some time.
      const isWaiting = this.#deadSinceMs.size > 0;
      if (view.hasExchanged && (this.#isStale || isWaiting)) await this.#walkAll();
      else if (view.hasExchanged) await this.#seeAll([...this.#due]);
    } catch (error) {
      this.#isStale = true;
      this.#parts.log.debug("copies were not moved", { error: asError(error).message });
    } finally {
      this.#isRunning = false;
      if (this.#isStale || this.#due.size > 0 || this.#deadSinceMs.size > 0) this.#arm(this.#timing.retryMs);
    }
  }

  async #walkAll(): Promise<void> {
    this.#isStale = false;
    this.#due.clear();
    let startAfter = "";
    for (;;) {
      const page = await this.#parts.contextIds(startAfter, pageMax);
      await this.#seeAll(page);
      startAfter = page.at(-1) ?? startAfter;
      if (page.length < pageMax) return;
      await this.#parts.clock.yield();
    }
  }

  /** Looks at contexts, a few at a time; those that need something more stay due. */
  async #seeAll(contextIds: readonly string[]): Promise<void> {
    await inLanes(contextIds, contextsAtOnce, async (contextId) => {
      if (this.#isStopped) return;
      this.#due.delete(contextId);
      if (await this.#see(contextId)) return;
      if (this.#due.size < dueMax) this.#due.add(contextId);
      else this.#isStale = true;
    });
  }

  /** Returns if the context needs nothing more from this node. */
  async #see(contextId: string): Promise<boolean> {
    const { view, rules, hasher, clock, log } = this.#parts;
    const placed = placementOrder(contextId, view.roster(), hasher);
    const replica = await this.#parts.open(contextId);
    const { terms } = replica;
    if (terms === undefined) return true;
    // Nothing is here but a promise, and who keeps the context.
    if ((terms.leaving || !hasBegun(terms)) && replica.state.local === undefined) return true;
    try {
      if (!replica.isHolder) return await this.#giveUp(replica, terms.leaving);
      this.#newcomersSinceMs.delete(contextId);
      if (homeOf(terms.holders, view) !== view.selfId) return true;
      const isGivenUp = (nodeId: string): boolean => this.#isGivenUp(nodeId);
      for (;;) {
        const { holders = terms.holders } = replica.terms ?? {};
        const options = { holders, placed, replicas: rules.replicas, view, isGivenUp };
        const change = nextHolderChange(options);
        if (change === undefined) return true;
        await replica.changeHolders(change);
        this.counts[change.kind === "add" ? "added" : "removed"] += 1;
        await delay(clock, this.#timing.pauseMs);
        // Whoever is placed better may be the home now, and goes on.
        if (homeOf(change.holders, view) !== view.selfId) return true;
      }
    } catch (error) {
      log.debug("a context keeps its holders for now", { context: contextId, error: asError(error).message });
      return false;
    }
  }

  /** Deletes a copy that does not count. One that was made to become a holder is left alone for as long as that may take. */
  async #giveUp(replica: ContextReplica, isLeaving: boolean): Promise<boolean> {
    const { contextId } = replica;
    if (!isLeaving) {
      const nowMs = this.#parts.clock.monotonicMs();
      const sinceMs = this.#newcomersSinceMs.get(contextId) ?? nowMs;
      this.#newcomersSinceMs.set(contextId, sinceMs);
      if (nowMs - sinceMs < this.#timing.giveUpMs) return false;
    }
    const isDropped = await dropIfHeld(this.#parts, replica, await this.#parts.newest(contextId));
    if (!isDropped) return false;
    this.#newcomersSinceMs.delete(contextId);
    this.counts.dropped += 1;
    return true;
  }

  #isGivenUp(nodeId: string): boolean {
    const sinceMs = this.#deadSinceMs.get(nodeId);
    if (sinceMs === undefined) return !this.#parts.view.roster().includes(nodeId);
    return this.#parts.clock.monotonicMs() - sinceMs >= this.#timing.giveUpMs;
  }
}
