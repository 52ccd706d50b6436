/** Random numbers that one seed repeats. What the machine does with them is not repeated. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed >>> 0) + 0x9e3779b9;
  }

  /** From 0 to below 1. [Mulberry32](https://gist.github.com/tommyettinger/46a874533244883189143505d203312c) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, below: number): number {
    return Math.floor(least + this.next() * (below - least));
  }

  of<T>(values: readonly T[]): T {
    const value = values[this.between(0, values.length)];
    if (value === undefined) throw new Error("There is nothing to choose from");
    return value;
  }
}
