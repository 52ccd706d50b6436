import { type Backoff, backoffMs } from "./backoff.ts";
import { type Failure, readFailure } from "./failure.ts";
import { pause } from "./pause.ts";

/** How a client treats a server that is not available. */
export interface RetryPolicy {
  /** Of one call, the first included. */
  readonly attemptsMax: number;
  readonly backoff: Backoff;
  readonly random: () => number;
  /** Told before each wait. */
  readonly onRetry: (failure: Failure, delayMs: number) => void;
}

/** Repeats a call that may be repeated until it succeeds, fails for good, or `attemptsMax` is reached. */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      const failure = readFailure(error);
      if (!failure.transient || attempt >= policy.attemptsMax) throw error;
      await waitBefore(policy, signal, failure, attempt);
    }
  }
}

/** Waits after a failed attempt as long as the policy and the server's answer say. */
export async function waitBefore(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  failure: Failure,
  attempt: number,
): Promise<void> {
  const delayMs = backoffMs(policy.backoff, attempt, failure.retryAfterMs, policy.random);
  policy.onRetry(failure, delayMs);
  await pause(delayMs, signal);
}
