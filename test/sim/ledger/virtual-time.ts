import { EventQueue } from "../harness/event-queue.ts";

/** Unix time at the beginning. */
const beginUnixMs = 1_750_000_000_000;

/** Something with events of its own, at the same times. */
export interface Companion {
  /** When its next event is; infinity if there is none. */
  readonly nextMs: number;
  /** Lets what is planned up to `untilMs` happen, at once. */
  runTo(untilMs: number): void;
}

/**
 * One clock for everything asynchronous in a simulation. Whatever waits, waits for it; between two events all promises that
 * can settle have settled, so a run follows from what was planned, and in which order.
 */
export class VirtualTime {
  readonly #events = new EventQueue<() => void>();
  readonly #companions: Companion[] = [];
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Unix time in nanoseconds. */
  get nowNs(): bigint {
    return BigInt(Math.floor((beginUnixMs + this.#nowMs) * 1e6));
  }

  /** Lets another world share this clock. Its events call nothing that waits, but through `after`. */
  share(companion: Companion): void {
    this.#companions.push(companion);
  }

  /** Calls back after a while, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void {
    let isCancelled = false;
    this.#events.push(this.#nowMs + Math.max(0, delayMs), () => {
      if (!isCancelled) callback();
    });
    return () => (isCancelled = true);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  /** Lets time go on for `forMs`. */
  async run(forMs: number): Promise<void> {
    const untilMs = this.#nowMs + forMs;
    await settled();
    for (;;) {
      const companion = this.#first();
      const ownMs = this.#events.nextMs;
      if (Math.min(ownMs, companion?.nextMs ?? Number.POSITIVE_INFINITY) > untilMs) break;
      if (companion !== undefined && companion.nextMs < ownMs) {
        this.#nowMs = companion.nextMs;
        companion.runTo(this.#nowMs);
        continue;
      }
      this.#nowMs = ownMs;
      this.#events.pop()?.();
      await settled();
    }
    this.#nowMs = untilMs;
    for (const companion of this.#companions) companion.runTo(untilMs);
  }

  #first(): Companion | undefined {
    let first: Companion | undefined;
    for (const companion of this.#companions)
      if (first === undefined || companion.nextMs < first.nextMs) first = companion;
    return first;
  }
}

/** Resolves when every promise that can settle has. Microtasks come before the next macrotask, whatever they start. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
