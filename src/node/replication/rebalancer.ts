import { asError } from "../../core/as-error.ts";
import { placementOrder } from "../../core/placement.ts";
import { nextHolderChange } from "../../sync/holder-change.ts";
import { homeOf } from "../../sync/view.ts";
import type { ContextReplica } from "./context-replica.ts";
import { delay, type ReplicationParts } from "./parts.ts";

export interface RebalancerParts extends ReplicationParts {
  readonly open: (contextId: string) => Promise<ContextReplica>;
  readonly lead: (contextId: string) => Promise<void>;
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
const askMs = 5000;

/**
 * Moves copies to where they belong: looks through what this node has after the cluster has changed, and lets one holder at a
 * time come or go. A copy that is not needed any more is deleted once every holder has all of it.
 */
export class Rebalancer {
  readonly #parts: RebalancerParts;
  readonly #timing: RebalancerTiming;
  /** Since when nodes are seen dead, by this node's clock. */
  readonly #deadSinceMs = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #isRunning = false;
  #isStale = true;
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
    this.#cancel = this.#parts.clock.after(waitMs, () => void this.#walk());
  }

  async #walk(): Promise<void> {
    this.#isRunning = true;
    this.#isStale = false;
    let isDone = true;
    try {
      this.#noteDead();
      if (this.#parts.view.hasExchanged) isDone = await this.#walkAll();
      else isDone = false;
    } catch (error) {
      isDone = false;
      this.#parts.log.debug("copies were not moved", { error: asError(error).message });
    } finally {
      this.#isRunning = false;
      // Somebody who is dead now will have been for too long some time.
      const isWaiting = this.#deadSinceMs.size > 0;
      if (this.#isStale) this.#arm(this.#timing.settleMs);
      else if (!isDone || isWaiting) this.#arm(this.#timing.retryMs);
    }
  }

  /** Returns if nothing is left to do. */
  async #walkAll(): Promise<boolean> {
    let isDone = true;
    let startAfter = "";
    for (;;) {
      const page = await this.#parts.contextIds(startAfter, pageMax);
      for (const contextId of page) {
        if (this.#isStopped) return true;
        startAfter = contextId;
        if (!(await this.#see(contextId))) isDone = false;
      }
      if (page.length < pageMax) return isDone;
      await this.#parts.clock.yield();
    }
  }

  /** Returns if the context needs nothing more from this node. */
  async #see(contextId: string): Promise<boolean> {
    const { view, rules, hasher, clock, log } = this.#parts;
    const placed = placementOrder(contextId, view.roster(), hasher);
    const replica = await this.#parts.open(contextId);
    const { terms } = replica;
    if (terms === undefined) return true;
    try {
      if (terms.leaving) {
        if (replica.isEmpty) return true;
        const isDropped = await replica.dropIfHeld();
        if (isDropped) this.counts.dropped += 1;
        return isDropped;
      }
      const home = homeOf(terms.holders, view);
      if (home === undefined) return false;
      if (home !== view.selfId) {
        if (placed.slice(0, rules.replicas).includes(view.selfId)) return true;
        // A copy that does not belong here: the home may have let this node go while it was away.
        await this.#parts.peers.call(home, "nudge", { contextId }, { timeoutMs: askMs });
        return false;
      }
      const isGivenUp = (nodeId: string): boolean => this.#isGivenUp(nodeId);
      for (;;) {
        const { holders = terms.holders } = replica.terms ?? {};
        const options = { holders, placed, replicas: rules.replicas, view, isGivenUp };
        const change = nextHolderChange(options);
        if (change === undefined) return true;
        await this.#parts.lead(contextId);
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

  #isGivenUp(nodeId: string): boolean {
    const sinceMs = this.#deadSinceMs.get(nodeId);
    if (sinceMs === undefined) return !this.#parts.view.roster().includes(nodeId);
    return this.#parts.clock.monotonicMs() - sinceMs >= this.#timing.giveUpMs;
  }
}
