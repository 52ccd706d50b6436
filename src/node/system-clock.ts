import type { Clock } from "../ledger/ports.ts";

/** Estimates further than this from the wall clock mean that the wall clock was set. */
const wallDriftMsMax = 2;

/** Returns the clock of this machine. Wall-clock times have a resolution of a microsecond. */
export function createSystemClock(): Clock {
  let offsetMs = performance.timeOrigin;
  return {
    nowNs() {
      const elapsedMs = performance.now();
      const wallMs = Date.now();
      if (Math.abs(offsetMs + elapsedMs - wallMs) > wallDriftMsMax) offsetMs = wallMs - elapsedMs;
      return BigInt(Math.floor((offsetMs + elapsedMs) * 1000)) * 1000n;
    },
    monotonicMs: () => performance.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    yield: () => new Promise((resolve) => setImmediate(resolve)),
  };
}
