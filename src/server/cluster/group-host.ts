import type { Clock } from "../../ledger/ports.ts";
import { notGroupHome, sessionOver } from "../../sync/group-errors.ts";
import { GroupHome } from "../../sync/group-home.ts";
import type { GroupMember, GroupMessage } from "../../sync/groups.ts";
import type { AnnounceRefusal, AnnounceRequest, GroupNews, PeerCalls } from "../../sync/peer-messages.ts";
import type { ClusterView } from "../../sync/view.ts";
import { notExchanged } from "../../node/replication/refusals.ts";
import type { GroupTiming } from "./group-timing.ts";

export interface GroupHostParts {
  readonly view: ClusterView;
  /** Returns who keeps a group, as far as this node knows; `asks` makes it ask the others about what it has not heard of. */
  readonly homeOf: (contextId: string, asks: boolean) => Promise<string | undefined>;
  readonly clock: Pick<Clock, "after" | "monotonicMs" | "yield">;
  readonly timing: GroupTiming;
}

/** Groups that are looked at between two turns of the event loop. */
const checkedAtOnce = 256;

/**
 * The groups that are at home at this node, for members at all nodes. After a change of who is alive nobody speaks to a group
 * that is new here before all nodes had the time to announce their members of it.
 */
export class GroupHost {
  readonly #parts: GroupHostParts;
  readonly #home = new GroupHome();
  readonly #stopped = new AbortController();
  /** Who was there when it was looked at last. */
  #seen = "";
  #settling:
    { readonly over: PromiseWithResolvers<void>; readonly latestMs: number; cancel: () => void } | undefined;
  #isChecking = false;
  #isOutOfDate = false;

  constructor(parts: GroupHostParts) {
    this.#parts = parts;
    this.viewChanged();
  }

  /** How many groups there are. */
  get size(): number {
    return this.#home.size;
  }

  /** Takes what a node says of its members. Rejects with LedgerError GROUP_SESSION_OVER, NOT_JOINED. */
  async announce(nodeId: string, request: AnnounceRequest): Promise<PeerCalls["announce"]["answer"]> {
    if (!this.#parts.view.hasExchanged) throw notExchanged();
    const homes = await Promise.all(request.items.map(({ contextId }) => this.#isHere(contextId)));
    const refusals: AnnounceRefusal[] = [];
    const items = request.items.filter(({ contextId, joins }, index) => {
      // Whoever leaves is gone, wherever the group is now.
      if (homes[index] === true || joins.length === 0) return true;
      refusals.push({ kind: "not-home", contextId });
      return false;
    });
    const isSettling = this.#settling !== undefined;
    return { refusals: [...refusals, ...this.#home.announce(nodeId, { ...request, items }, isSettling)] };
  }

  /**
   * Hands a message to everybody, and returns how many members those are. Rejects with LedgerError NOT_HOME: nothing was done,
   * as when `signal` has fired before the group has settled.
   */
  async broadcast(contextId: string, message: GroupMessage, signal: AbortSignal): Promise<number> {
    await this.#settled(contextId);
    // Whoever has given up may have sent it again.
    if (signal.aborted) throw notGroupHome(contextId);
    return this.#home.broadcast(contextId, message);
  }

  /** Rejects with LedgerError NOT_HOME. */
  async members(contextId: string): Promise<readonly GroupMember[]> {
    await this.#settled(contextId);
    return this.#home.members(contextId);
  }

  /** What a node is to hear, as long as it listens. */
  async *open(nodeId: string, id: number, signal: AbortSignal): AsyncGenerator<readonly GroupNews[], void> {
    if (!this.#parts.view.isAlive(nodeId)) throw sessionOver("the node is dead");
    if (this.#stopped.signal.aborted) throw sessionOver("this node stops");
    const session = this.#home.open(nodeId, id);
    const { outbox } = session;
    const close = (): void => this.#home.close(session);
    signal.addEventListener("abort", close);
    try {
      if (signal.aborted) return;
      yield [];
      for (;;) {
        if (outbox.failure !== undefined) throw outbox.failure;
        if (outbox.isEmpty) {
          await new Promise<void>((resolve) => (outbox.onChange = resolve));
          continue;
        }
        yield outbox.take();
      }
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  }

  /** Somebody may have come or gone. */
  viewChanged(): void {
    const { view } = this.#parts;
    const roster = view.roster();
    const seen = `${view.hasExchanged} ${roster.filter((nodeId) => view.isAlive(nodeId)).join()} ${roster.join()}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    for (const nodeId of this.#home.nodeIds()) if (!view.isAlive(nodeId)) this.#home.closeNode(nodeId);
    if (roster.length > 1) this.#settle();
    this.check();
  }

  /** Lets go of groups that are at home elsewhere now. */
  check(): void {
    this.#isOutOfDate = true;
    if (!this.#isChecking) void this.#check();
  }

  stop(): void {
    this.#stopped.abort();
    this.#settling?.cancel();
    this.#settling?.over.resolve();
    for (const nodeId of this.#home.nodeIds()) this.#home.closeNode(nodeId);
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    this.#isChecking = true;
    while (this.#isOutOfDate) {
      this.#isOutOfDate = false;
      for (const [index, contextId] of this.#home.contextIds().entries()) {
        if (index % checkedAtOnce === checkedAtOnce - 1) await this.#parts.clock.yield();
        if (this.#stopped.signal.aborted) break;
        // A look that fails says nothing; the next one may.
        const isHere = this.#home.has(contextId) ? await this.#isHere(contextId).catch(() => true) : true;
        if (!isHere) this.#home.drop(contextId);
      }
    }
    this.#isChecking = false;
  }

  #settle(): void {
    const { clock, timing } = this.#parts;
    const nowMs = clock.monotonicMs();
    const { over, latestMs, cancel } = this.#settling ?? {
      over: Promise.withResolvers<void>(),
      latestMs: nowMs + timing.settleMsMax,
      cancel: () => {},
    };
    cancel();
    const settled = (): void => {
      this.#settling = undefined;
      this.#home.settle();
      over.resolve();
    };
    const leftMs = Math.max(0, Math.min(timing.settleMs, latestMs - nowMs));
    this.#settling = { over, latestMs, cancel: clock.after(leftMs, settled) };
  }

  /** Resolves when this node knows who is in a group. */
  async #settled(contextId: string): Promise<void> {
    if (!this.#parts.view.hasExchanged) throw notExchanged();
    if (this.#settling !== undefined && (!this.#home.has(contextId) || this.#home.isSettling(contextId)))
      await this.#settling.over.promise;
    if (!(await this.#isHere(contextId))) throw notGroupHome(contextId);
  }

  /** The others are asked of what is new here: they may know of a context that is kept elsewhere. */
  async #isHere(contextId: string): Promise<boolean> {
    const { homeOf, view } = this.#parts;
    return (await homeOf(contextId, !this.#home.has(contextId))) === view.selfId;
  }
}
