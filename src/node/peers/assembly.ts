import { assert } from "../../core/assert.ts";

/** One message whose frames are coming in. */
export class Assembly {
  readonly total: number;
  #whole: Uint8Array | undefined;
  #received: number;

  /** `first` may already be all of it: then it is not copied. It is at most `total` bytes. */
  constructor(total: number, first: Uint8Array) {
    assert(first.length <= total, "nothing is longer than it says");
    this.total = total;
    this.#received = first.length;
    if (first.length === total) this.#whole = first;
    else {
      this.#whole = new Uint8Array(total);
      this.#whole.set(first);
    }
  }

  get isComplete(): boolean {
    return this.#received === this.total;
  }

  /** Tells if `bytes` can be the next ones: some, and not more than are missing. */
  fits(bytes: Uint8Array): boolean {
    return bytes.length > 0 && bytes.length <= this.total - this.#received;
  }

  /** `bytes` fit. */
  add(bytes: Uint8Array): void {
    assert(this.fits(bytes), "nothing is longer than it says");
    assert(this.#whole !== undefined, "an assembly is taken once it is complete");
    this.#whole.set(bytes, this.#received);
    this.#received += bytes.length;
  }

  /** Returns the complete message, which belongs to the caller. */
  take(): Uint8Array {
    assert(this.isComplete && this.#whole !== undefined, "a message is taken when it is complete, once");
    const whole = this.#whole;
    this.#whole = undefined;
    return whole;
  }
}
