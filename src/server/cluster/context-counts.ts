/** Numbers by context, of which only those that are not 0 are kept. */
export class ContextCounts {
  readonly #counts = new Map<string, number>();

  of(contextId: string): number {
    return this.#counts.get(contextId) ?? 0;
  }

  /** Changes a number by so much, until the returned function is called. */
  count(contextId: string, by: number): () => void {
    this.#change(contextId, by);
    let isCounted = true;
    return () => {
      if (isCounted) this.#change(contextId, -by);
      isCounted = false;
    };
  }

  #change(contextId: string, by: number): void {
    const count = this.of(contextId) + by;
    if (count === 0) this.#counts.delete(contextId);
    else this.#counts.set(contextId, count);
  }
}
