import type { Clock } from "../../ledger/ports.ts";

export interface ContextQueueParts {
  /** Must not reject. */
  readonly work: (contextId: string) => Promise<void>;
  readonly atOnceMax: number;
  readonly clock: Pick<Clock, "yield">;
}

/** What is done between two turns of the event loop, if nothing else makes it wait. */
const turnContexts = 256;

/** Does something for contexts, a few at a time, each once however often it was asked for meanwhile. */
export class ContextQueue {
  readonly #parts: ContextQueueParts;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  #done = 0;

  constructor(parts: ContextQueueParts) {
    this.#parts = parts;
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
      if (this.#running.size >= this.#parts.atOnceMax) return;
      if (this.#running.has(contextId)) continue;
      this.#waiting.delete(contextId);
      this.#running.add(contextId);
      void this.#work(contextId);
    }
  }

  async #work(contextId: string): Promise<void> {
    const { work, clock } = this.#parts;
    await work(contextId);
    this.#done += 1;
    if (this.#done % turnContexts === 0) await clock.yield();
    this.#running.delete(contextId);
    this.#pump();
  }
}
