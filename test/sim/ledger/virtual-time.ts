import type { Clock } from "../../../src/ledger/ports.ts";
import { EventQueue } from "../harness/event-queue.ts";

/** Unix time at the beginning. */
const beginUnixMs = 1_750_000_000_000;

/**
 * One clock for everything asynchronous in a simulation. Whatever waits, waits for it; between two events all promises that
 * can settle have settled, so a run follows from what was planned, and in which order.
 */
export class VirtualTime {
  readonly #events = new EventQueue<() => void>();
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Calls back after a while, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void {
    let isCancelled = false;
    this.#events.push(this.#nowMs + Math.max(0, delayMs), () => {
      if (!isCancelled) callback();
    });
    return () => (isCancelled = true);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  /** Lets time go on for `forMs`. */
  async run(forMs: number): Promise<void> {
    const untilMs = this.#nowMs + forMs;
    await settled();
    while (this.#events.nextMs <= untilMs) {
      this.#nowMs = this.#events.nextMs;
      this.#events.pop()?.();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  /** Lets time go on until `isDone`, and returns if that was within `limitMs`. */
  async runUntil(isDone: () => boolean, limitMs: number, stepMs = 50): Promise<boolean> {
    const untilMs = this.#nowMs + limitMs;
    while (!isDone()) {
      if (this.#nowMs >= untilMs) return false;
      await this.run(stepMs);
    }
    return true;
  }

  /** A clock of one process: it ends with it. */
  clockOf(isAlive: () => boolean): Clock {
    return {
      nowNs: () => BigInt(Math.floor((beginUnixMs + this.#nowMs) * 1e6)),
      monotonicMs: () => this.#nowMs,
      after: (delayMs, callback) => this.after(delayMs, () => void (isAlive() && callback())),
      yield: () => this.sleep(0),
    };
  }
}

/** Resolves when every promise that can settle has. Microtasks come before the next macrotask, whatever they start. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
