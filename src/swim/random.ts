/** Randomness for choices and nonces. A simulation brings one that repeats itself. */
export interface SwimRandom {
  /** Returns a number from 0 up to, not including, `bound`, all as likely. `bound` is at least 1 and below 2^32. */
  below(bound: number): number;
  fill(target: Uint8Array): void;
}
