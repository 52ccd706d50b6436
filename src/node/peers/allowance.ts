/** How much may be under way at the same time: a number of things, and bytes of all of them together. */
export class Allowance {
  readonly #max: { readonly count: number; readonly bytes: number };
  readonly #within: Allowance | undefined;
  #count = 0;
  #bytes = 0;

  /** What is taken is also taken from the one it is `within`. */
  constructor(max: { readonly count: number; readonly bytes: number }, within?: Allowance) {
    this.#max = max;
    this.#within = within;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes one thing of so many bytes; false if that is too much, and then nothing is taken. */
  take(bytes: number): boolean {
    if (this.#count >= this.#max.count || bytes > this.#max.bytes - this.#bytes) return false;
    if (this.#within?.take(bytes) === false) return false;
    this.#count += 1;
    this.#bytes += bytes;
    return true;
  }

  /** Gives back one thing that was taken. */
  give(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    this.#within?.give(bytes);
  }
}
