import type { ReplicationParts } from "./parts.ts";

export interface RetriedWorkParts extends Pick<ReplicationParts, "clock" | "random"> {
  /** Does what there is to do; returns true if nothing is left. Never rejects. */
  readonly work: () => Promise<boolean>;
  /** Until what is left is tried again, about; doubles each time up to the maximum. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

/** Work that is done when there may be some, once at a time, and again after a jittered wait while something is left of it. */
export class RetriedWork {
  readonly #parts: RetriedWorkParts;
  readonly #stopping = new AbortController();
  #cancel: (() => void) | undefined;
  #isRunning = false;
  #isAwake = false;
  #waitMs = 0;

  constructor(parts: RetriedWorkParts) {
    this.#parts = parts;
  }

  get isStopped(): boolean {
    return this.signal.aborted;
  }

  /** Aborted when this stops. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** There may be something to do. */
  wake(): void {
    if (this.isStopped) return;
    this.#isAwake = true;
    this.#waitMs = 0;
    this.#cancel?.();
    this.#cancel = undefined;
    if (!this.#isRunning) void this.#run();
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancel?.();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let isDone = false;
    while (this.#isAwake && !this.isStopped) {
      this.#isAwake = false;
      isDone = await this.#parts.work();
    }
    this.#isRunning = false;
    if (isDone || this.isStopped) return;
    const { clock, random, retryMsMin, retryMsMax } = this.#parts;
    this.#waitMs = Math.min(retryMsMax, Math.max(retryMsMin, this.#waitMs * 2));
    this.#cancel = clock.after(this.#waitMs * (0.5 + random()), () => {
      this.#cancel = undefined;
      this.#isAwake = true;
      if (!this.#isRunning) void this.#run();
    });
  }
}
