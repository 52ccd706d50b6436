import { assert } from "../../core/assert.ts";
import type { StallClock } from "./stall-clock.ts";

/** The event loop turns at least this often while something is scheduled, so that most of a stall is seen. */
const beatMs = 1000;
/** After a stall the event loop reads for so long what has come meanwhile, before a timer rings. */
const restMs = 20;

interface Entry {
  readonly dueMs: number;
  /** Tells the order of those that are due at the same time. */
  readonly order: number;
  /** Undefined once it is cancelled. */
  ring: (() => void) | undefined;
}

/**
 * Any number of timers on one timeout. They run on a {@link StallClock}: those that came due during a stall ring after
 * what the sockets received in it was read.
 */
export class Timers {
  readonly #clock: StallClock;
  /** A binary heap: each entry is due no later than the two after it. */
  readonly #heap: Entry[] = [];
  #order = 0;
  #timeout: ReturnType<typeof setTimeout> | undefined;
  /** When the timeout rings; on the clock. */
  #wakeMs = Number.POSITIVE_INFINITY;
  #stoodMs = 0;
  #isResting = false;
  #isClosed = false;

  constructor(clock: StallClock) {
    this.#clock = clock;
  }

  /** Calls `ring` once after `afterMs`, unless the returned function is called before. */
  after(afterMs: number, ring: () => void): () => void {
    assert(afterMs >= 0, "a timer is not set in the past");
    if (this.#isClosed) return () => undefined;
    const entry: Entry = { dueMs: this.#clock.nowMs() + afterMs, order: this.#order++, ring };
    this.#push(entry);
    if (!this.#isResting && entry.dueMs < this.#wakeMs) this.#arm();
    return () => {
      entry.ring = undefined;
    };
  }

  /** Timers that have not rung, some of the cancelled included. */
  get size(): number {
    return this.#heap.length;
  }

  /** Nothing rings any more. */
  close(): void {
    this.#isClosed = true;
    this.#heap.length = 0;
    this.#sleep(Number.POSITIVE_INFINITY);
  }

  #arm(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].ring === undefined) this.#pop();
    const [next] = this.#heap;
    const nowMs = this.#clock.nowMs();
    this.#sleep(next === undefined ? Number.POSITIVE_INFINITY : Math.min(next.dueMs, nowMs + beatMs));
  }

  #sleep(untilMs: number): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
    this.#wakeMs = untilMs;
    this.#clock.expectTurn(untilMs);
    if (this.#isClosed || untilMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(0, Math.ceil(untilMs - this.#clock.nowMs()));
    this.#timeout = setTimeout(() => this.#wake(), waitMs);
  }

  #wake(): void {
    const nowMs = this.#clock.nowMs();
    const hasStalled = this.#clock.stoodMs !== this.#stoodMs;
    this.#stoodMs = this.#clock.stoodMs;
    // One rest only: a loop that stalls all the time still has to do its work.
    this.#isResting = hasStalled && !this.#isResting;
    if (this.#isResting) return this.#sleep(nowMs + restMs);
    this.#ringUntil(nowMs);
    if (!this.#isClosed) this.#arm();
  }

  /** Timers that are set meanwhile wait for the next turn. */
  #ringUntil(nowMs: number): void {
    const before = this.#order;
    for (;;) {
      const [next] = this.#heap;
      if (next === undefined || next.dueMs > nowMs || next.order >= before) return;
      this.#pop();
      next.ring?.();
    }
  }

  #push(entry: Entry): void {
    let index = this.#heap.length;
    this.#heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#at(parent);
      if (!isBefore(entry, above)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = entry;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && isBefore(this.#at(child + 1), this.#at(child))) child += 1;
      if (!isBefore(this.#at(child), last)) break;
      this.#heap[index] = this.#at(child);
      index = child;
    }
    this.#heap[index] = last;
  }

  #at(index: number): Entry {
    const entry = this.#heap[index];
    assert(entry !== undefined, "an index is within the heap");
    return entry;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs;
}
