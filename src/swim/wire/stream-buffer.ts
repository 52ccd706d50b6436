/** Bytes that have come and were not yet consumed. Takes about twice the memory that they do. */
export class StreamBuffer {
  #bytes = new Uint8Array(512);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Returns all of it, as a view that the next change may change. */
  view(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Forgets the first `count` bytes. */
  consume(count: number): void {
    this.#start += count;
  }

  /** Forgets everything, and gives its memory back. */
  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  #makeRoom(more: number): void {
    const { length } = this;
    // Moving costs what is kept; it is worth it if as much was consumed.
    if (this.#start >= length && length + more <= this.#bytes.length)
      this.#bytes.copyWithin(0, this.#start, this.#end);
    else {
      const larger = new Uint8Array(Math.max(length + more, length * 2));
      larger.set(this.view());
      this.#bytes = larger;
    }
    this.#start = 0;
    this.#end = length;
  }
}
