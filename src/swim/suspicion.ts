export interface SuspicionTimes {
  /** Confirmations that make the wait as short as it gets. */
  readonly confirmationsMax: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * One member under suspicion: it has `maxMs` to contradict, and less with every other member that suspects it too
 * ([Lifeguard](https://arxiv.org/abs/1707.00788), local health aware suspicion).
 */
export class Suspicion {
  readonly startMs: number;
  /** Names the timer that counts; older ones are stale. */
  token: number;
  readonly #times: SuspicionTimes;
  /** Who suspects it, the first accuser first. */
  readonly #accusers: string[];

  constructor(times: SuspicionTimes, accuser: string, startMs: number, token: number) {
    this.#times = times;
    this.#accusers = [accuser];
    this.startMs = startMs;
    this.token = token;
  }

  /** Takes note of another accuser. Returns false if it adds nothing: it is known, or enough have confirmed. */
  confirm(accuser: string): boolean {
    if (this.#accusers.length > this.#times.confirmationsMax || this.#accusers.includes(accuser))
      return false;
    this.#accusers.push(accuser);
    return true;
  }

  /** Returns how long is left at `nowMs`; 0 or less if time is up. */
  remainingMs(nowMs: number): number {
    return suspicionWait(this.#times, this.#accusers.length - 1) - (nowMs - this.startMs);
  }
}

/** Returns the whole wait after some confirmations, in milliseconds. */
export function suspicionWait(
  { confirmationsMax, minMs, maxMs }: SuspicionTimes,
  confirmations: number,
): number {
  if (confirmationsMax < 1) return minMs;
  const fraction = Math.log(confirmations + 1) / Math.log(confirmationsMax + 1);
  return Math.max(minMs, Math.floor(maxMs - (maxMs - minMs) * fraction));
}
