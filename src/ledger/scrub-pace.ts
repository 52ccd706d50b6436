import type { Clock } from "./ports.ts";

/** How far a scrub may get ahead of its rate, so that it need not wake up for every page. */
const aheadMs = 50;
/** While the server is busy, how long a scrub rests before it looks again. */
export const busyRestMs = 250;
/** More appends than this waiting for their commit, or an event loop later than this, is a busy server. */
const queuedEntriesMax = 256;
const lateMsMax = 20;
/** Bytes that count as much as one entry. */
const bytesPerEntry = 16 * 1024;

/** Holds a scrub to its rate, and back while the server is busy. */
export class ScrubPace {
  readonly #clock: Clock;
  readonly #entriesPerSecond: number;
  readonly #queued: () => { readonly entries: number };
  readonly #signal: AbortSignal;
  /** When the rate allows the next page. */
  #readyMs: number;

  constructor(parts: {
    clock: Clock;
    entriesPerSecond: number;
    queued: () => { readonly entries: number };
    signal: AbortSignal;
  }) {
    this.#clock = parts.clock;
    this.#entriesPerSecond = parts.entriesPerSecond;
    this.#queued = parts.queued;
    this.#signal = parts.signal;
    this.#readyMs = parts.clock.monotonicMs();
  }

  /** Resolves when the next page may be read after one of this size, or when the signal fires. */
  async spent(cost: { readonly entries: number; readonly bytes: number }): Promise<void> {
    const entries = Math.max(cost.entries, cost.bytes / bytesPerEntry);
    const nowMs = this.#clock.monotonicMs();
    this.#readyMs = Math.max(nowMs - aheadMs, this.#readyMs) + (1000 * entries) / this.#entriesPerSecond;
    let lateMs = await this.#rest(this.#readyMs - nowMs);
    while (!this.#signal.aborted && (lateMs > lateMsMax || this.#queued().entries > queuedEntriesMax))
      lateMs = await this.#rest(busyRestMs);
  }

  /** Resolves after `ms`, or earlier if the signal fires. */
  async wait(ms: number): Promise<void> {
    if (this.#signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(ms, done);
      this.#signal.addEventListener("abort", done, { once: true });
      const signal = this.#signal;
      function done(): void {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
  }

  /** Rests at least one turn of the event loop, and returns how much longer it took than asked. */
  async #rest(ms: number): Promise<number> {
    const startMs = this.#clock.monotonicMs();
    if (ms > 0) await this.wait(ms);
    else await this.#clock.yield();
    return this.#clock.monotonicMs() - startMs - Math.max(0, ms);
  }
}
