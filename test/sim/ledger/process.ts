import type { Clock } from "../../../src/ledger/ports.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** One life of a process on a simulated machine: it runs, is held for a while, or has ended for good. */
export class Process {
  readonly #time: VirtualTime;
  #isAlive = true;
  #heldUntilMs = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  end(): void {
    this.#isAlive = false;
  }

  /** Lets nothing happen to it for a while; all of it happens afterwards, in order. */
  hold(forMs: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#time.nowMs + forMs);
  }

  /** Lets something happen to it: at once, when it is held no more, or never. */
  deliver(happens: () => void): void {
    if (!this.#isAlive) return;
    const heldMs = this.#heldUntilMs - this.#time.nowMs;
    if (heldMs <= 0) happens();
    else this.#time.after(heldMs, () => this.deliver(happens));
  }

  /** Resolves after a while, as this process sees it; never once it has ended. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#time.after(delayMs, () => this.deliver(resolve)));
  }

  clock(): Clock {
    const time = this.#time;
    return {
      nowNs: () => time.nowNs,
      monotonicMs: () => time.nowMs,
      after: (delayMs, callback) => {
        let isCancelled = false;
        const cancel = time.after(delayMs, () => this.deliver(() => void (isCancelled || callback())));
        return () => {
          isCancelled = true;
          cancel();
        };
      },
      yield: () => this.sleep(0),
    };
  }
}
