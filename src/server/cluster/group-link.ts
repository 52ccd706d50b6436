import { limits } from "../../core/limits.ts";
import type { Clock } from "../../ledger/ports.ts";
import { sessionOver } from "../../sync/group-errors.ts";
import type { GroupSeats } from "../../sync/group-seats.ts";
import type { AnnounceItem, GroupNews } from "../../sync/peer-messages.ts";
import type { GroupPort } from "./group-port.ts";
import type { GroupTiming } from "./group-timing.ts";

export interface GroupLinkParts {
  /** The node that keeps the groups. */
  readonly home: string;
  readonly port: GroupPort;
  readonly seats: GroupSeats;
  readonly clock: Pick<Clock, "monotonicMs" | "after">;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly timing: GroupTiming;
  /** No member's group is kept there any more; called once, unless the link was stopped. */
  readonly onIdle: () => void;
}

/**
 * The way to one node that keeps groups of members here: tells it of them, one announcement after the other, and hears what they
 * are to hear. When it is lost it is sought again, and everything is announced anew.
 */
export class GroupLink {
  readonly #parts: GroupLinkParts;
  /** Groups of which there may be something to tell. */
  #open = new Set<string>();
  #wake = (): void => {};
  #session = new AbortController();
  #isStopped = false;
  #failure: unknown;

  constructor(parts: GroupLinkParts) {
    this.#parts = parts;
    void this.#run();
  }

  /** Why the node was not reached at last; undefined if it is. */
  get failure(): unknown {
    return this.#failure;
  }

  /** There may be something to tell of a group. */
  work(contextId: string): void {
    this.#open.add(contextId);
    this.#wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.#session.abort();
    this.#wake();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { home, seats, clock, timing, random, onIdle } = this.#parts;
    // Whoever made it may have more to say.
    await Promise.resolve();
    let failures = 0;
    while (!this.#isStopped && !seats.isIdle(home)) {
      const session = new AbortController();
      this.#session = session;
      try {
        await this.#converse(session, () => (failures = 0));
      } catch (error) {
        this.#failure = error;
      } finally {
        session.abort();
      }
      seats.lost(home, clock.monotonicMs());
      if (this.#isStopped || seats.isIdle(home)) break;
      failures += 1;
      const boundMs = Math.min(timing.retryMsMax, timing.retryMsMin * 2 ** Math.min(failures, 16));
      await this.#pause(boundMs * (0.5 + random() / 2));
    }
    if (!this.#isStopped) onIdle();
  }

  /** One session. Resolves when there is nobody left to speak of; rejects when it is lost. */
  async #converse(session: AbortController, onBegun: () => void): Promise<void> {
    const { home, port, seats, clock, timing, random } = this.#parts;
    const { signal } = session;
    const id = 1 + Math.floor(random() * 2 ** 48);
    const stream = port.open(id, signal)[Symbol.asyncIterator]();
    const cancelLate = clock.after(timing.callMs, () => session.abort());
    try {
      if ((await stream.next()).done === true) throw sessionOver("the stream has ended");
      cancelLate();
      onBegun();
      this.#failure = undefined;
      this.#open = new Set(seats.contextsAt(home));
      const reading = this.#read(stream);
      const telling = this.#tell(id, signal);
      reading.catch(() => {});
      telling.catch(() => {});
      await Promise.race([reading, telling]);
    } finally {
      cancelLate();
      session.abort();
      this.#wake();
      void Promise.resolve(stream.return?.()).catch(() => {});
    }
  }

  async #read(stream: AsyncIterator<readonly GroupNews[]>): Promise<never> {
    const { home, seats, clock } = this.#parts;
    for (;;) {
      const next = await stream.next();
      if (next.done === true) throw sessionOver("the stream has ended");
      for (const news of next.value) seats.news(home, news, clock.monotonicMs());
    }
  }

  async #tell(session: number, signal: AbortSignal): Promise<void> {
    const { home, port, seats, clock } = this.#parts;
    for (let number = 1; !signal.aborted;) {
      const items = this.#batch(number);
      if (items.length === 0) {
        if (seats.isIdle(home)) return;
        if (this.#open.size === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const { refusals } = await port.announce({ session, number, items }, signal);
      if (signal.aborted) return;
      for (const refusal of refusals) seats.refused(home, number, refusal, clock.monotonicMs());
      number += 1;
    }
  }

  /** Takes what fits into one announcement. */
  #batch(number: number): readonly AnnounceItem[] {
    const { home, seats } = this.#parts;
    const items: AnnounceItem[] = [];
    let members = 0;
    for (const contextId of this.#open) {
      const left = limits.groupAnnounceMembersMax - members;
      if (left <= 0 || items.length >= limits.groupAnnounceGroupsMax) break;
      const item = seats.announce(home, contextId, number, left);
      // What is left of it is taken the next time.
      if (item === undefined) this.#open.delete(contextId);
      else {
        items.push(item);
        members += item.joins.length + item.leaves.length;
      }
    }
    return items;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve);
      this.#wake = () => {
        if (!this.#isStopped) return;
        cancel();
        resolve();
      };
    });
  }
}
