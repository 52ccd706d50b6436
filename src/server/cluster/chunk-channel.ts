/** Hands bytes from one that has them to one that iterates over them, one at a time. */
export class ChunkChannel implements AsyncIterable<Uint8Array> {
  #chunk: { readonly bytes: Uint8Array; readonly taken: PromiseWithResolvers<void> } | undefined;
  #isEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #changed: () => void = () => {};

  /** Resolves when the bytes were taken and more are wanted. Rejects with what {@link fail} is given. */
  async push(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const taken = Promise.withResolvers<void>();
    this.#chunk = { bytes, taken };
    this.#changed();
    await taken.promise;
  }

  /** There are no more. */
  end(): void {
    this.#isEnded = true;
    this.#changed();
  }

  /** Makes both sides fail with an error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    const chunk = this.#chunk;
    this.#chunk = undefined;
    chunk?.taken.reject(error);
    this.#changed();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const chunk = this.#chunk;
      if (chunk !== undefined) {
        this.#chunk = undefined;
        yield chunk.bytes;
        chunk.taken.resolve();
      } else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }
}
