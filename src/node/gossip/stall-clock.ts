/** A turn of the event loop that comes this much later than it should is a stall. */
export const stallMsMin = 200;

/**
 * Milliseconds that stand still while the event loop does, be it because something holds it or because the process was
 * stopped. It does not watch the loop: whoever sets a timer says when the loop should turn, and whatever reads the
 * clock first finds out that it did not.
 */
export class StallClock {
  readonly #monotonicMs: () => number;
  /** How long it has stood still altogether. */
  #stoodMs = 0;
  #unreportedMs = 0;
  #turnMs = Number.POSITIVE_INFINITY;
  #lastMs: number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#lastMs = monotonicMs();
  }

  /** The time, which never goes back. */
  nowMs(): number {
    const elapsedMs = this.#monotonicMs() - this.#stoodMs;
    // Somebody who read the clock after the turn was due shows that the loop went on until then.
    const lateMs = elapsedMs - Math.max(this.#turnMs, this.#lastMs);
    if (lateMs >= stallMsMin) {
      this.#stoodMs += lateMs;
      this.#unreportedMs += lateMs;
      this.#lastMs = elapsedMs - lateMs;
    } else this.#lastMs = Math.max(this.#lastMs, elapsedMs);
    return this.#lastMs;
  }

  /** The event loop should turn at `atMs` of this clock, or never if it is infinite. */
  expectTurn(atMs: number): void {
    this.#turnMs = atMs;
  }

  /** How long it has stood still since it was made. */
  get stoodMs(): number {
    return this.#stoodMs;
  }

  /** Returns how long it has stood still since the last call. */
  takeStalledMs(): number {
    const stalledMs = this.#unreportedMs;
    this.#unreportedMs = 0;
    return stalledMs;
  }
}
