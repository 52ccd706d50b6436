import type { Timing } from "./timing.ts";

/**
 * How far a node trusts itself, after [Lifeguard](https://arxiv.org/abs/1707.00788): 0 is well; each point makes it
 * wait one probe interval longer before it suspects somebody else.
 */
export class Awareness {
  readonly #max: number;
  #score = 0;

  constructor({ awarenessMax }: Pick<Timing, "awarenessMax">) {
    this.#max = awarenessMax;
  }

  /** From 0 to `awarenessMax` - 1. */
  get score(): number {
    return this.#score;
  }

  /** Adds to the score; negative if the node did well. */
  change(by: number): void {
    this.#score = Math.min(this.#max - 1, Math.max(0, this.#score + by));
  }

  /** Returns a time stretched by the doubt of this node in itself. */
  stretch(ms: number): number {
    return ms * (this.#score + 1);
  }
}
