/** Does something for contexts, a few at a time, each once however often it was asked for meanwhile. */
export class ContextQueue {
  readonly #work: (contextId: string) => Promise<void>;
  readonly #atOnceMax: number;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();

  /** `work` must not reject. */
  constructor(work: (contextId: string) => Promise<void>, atOnceMax: number) {
    this.#work = work;
    this.#atOnceMax = atOnceMax;
  }

  add(contextId: string): void {
    this.#waiting.add(contextId);
    this.#pump();
  }

  clear(): void {
    this.#waiting.clear();
  }

  #pump(): void {
    for (const contextId of this.#waiting) {
      if (this.#running.size >= this.#atOnceMax) return;
      if (this.#running.has(contextId)) continue;
      this.#waiting.delete(contextId);
      this.#running.add(contextId);
      void this.#work(contextId).finally(() => {
        this.#running.delete(contextId);
        this.#pump();
      });
    }
  }
}
