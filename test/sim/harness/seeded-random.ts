import { assert } from "../../../src/core/assert.ts";
import type { SwimRandom } from "../../../src/swim/random.ts";

/** Randomness that repeats itself: [sfc32](https://pracrand.sourceforge.net/RNG_engines.txt), 128 bits of state. */
export class SeededRandom implements SwimRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Streams of one seed are independent of each other. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = stream | 0;
    for (let round = 0; round < 16; round++) this.#next();
  }

  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound < 2 ** 32, "bound is 1 to 2^32 - 1");
    // Bias is below bound / 2^32, far under what a simulation can notice.
    return Math.floor((this.#next() / 2 ** 32) * bound);
  }

  fill(target: Uint8Array): void {
    for (let index = 0; index < target.length; index++) target[index] = this.#next() >>> 24;
  }

  /** Returns a number from 0 up to, not including, 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.fraction();
  }

  /** Tells if something of this probability happens. What never or always happens takes no randomness. */
  chance(rate: number): boolean {
    return rate > 0 && (rate >= 1 || this.fraction() < rate);
  }

  /** Returns a positive number of an exponential distribution. */
  exponential(mean: number): number {
    return mean === 0 ? 0 : -mean * Math.log(1 - this.fraction());
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    assert(item !== undefined, "there is something to pick");
    return item;
  }

  /** Returns `count` different numbers from 0 up to, not including, `bound`. */
  distinct(count: number, bound: number): number[] {
    assert(count <= bound, "there are that many numbers");
    const numbers = Array.from({ length: bound }, (_, index) => index);
    for (let index = 0; index < count; index++) {
      const other = index + this.below(bound - index);
      const swapped = numbers[index] ?? 0;
      numbers[index] = numbers[other] ?? 0;
      numbers[other] = swapped;
    }
    return numbers.slice(0, count);
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}
