import type { Clock } from "../../src/ledger/ports.ts";

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to go on. */
export class LedgerClock implements Clock {
  /** What the wall clock shows; may be set to anything. */
  wallNs = 1_700_000_000_000_000_000n;
  #monotonicMs = 0;
  #timers: Timer[] = [];

  /** How many timers are armed. */
  get pending(): number {
    return this.#timers.length;
  }

  nowNs(): bigint {
    return this.wallNs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  yield(): Promise<void> {
    return nextTurn();
  }

  /** Moves on by `ms` and calls what falls due, in order, with a turn of the event loop around each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await nextTurn();
    for (;;) {
      const [next] = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#monotonicMs = next.atMs;
      next.callback();
      await nextTurn();
    }
    this.#monotonicMs = untilMs;
  }
}

/** Resolves after every promise that can settle without a timer has settled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets the event loop turn until `work` has settled or has had its chance, then says how it ended. */
export async function outcomeOf<T>(work: Promise<T>): Promise<T | "still waiting"> {
  let ended = false;
  const watched = work.finally(() => (ended = true));
  watched.catch(() => {});
  for (let turns = 0; turns < 50 && !ended; turns += 1) await nextTurn();
  return ended ? watched : "still waiting";
}
