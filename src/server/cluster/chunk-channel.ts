/** Hands bytes from one that has them to one that iterates over them, one at a time. */
export class ChunkChannel implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  /** Settled when the bytes that were pushed last are done with. */
  #taken: PromiseWithResolvers<void> | undefined;
  #isEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #changed: () => void = () => {};

  /** Resolves when the bytes were taken and more are wanted. Rejects with what {@link fail} is given. */
  async push(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#taken = Promise.withResolvers();
    this.#chunk = bytes;
    this.#changed();
    await this.#taken.promise;
  }

  /** There are no more. */
  end(): void {
    this.#isEnded = true;
    this.#changed();
  }

  /** Makes both sides fail with an error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#chunk = undefined;
    this.#taken?.reject(error);
    this.#changed();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const chunk = this.#chunk;
      if (chunk !== undefined) {
        this.#chunk = undefined;
        yield chunk;
        this.#taken?.resolve();
      } else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }
}
