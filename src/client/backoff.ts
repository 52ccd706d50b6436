/** How long to wait between attempts. */
export interface Backoff {
  /** The longest wait before the second attempt. It doubles with every further one. */
  readonly firstMs: number;
  readonly maxMs: number;
}

export const defaultBackoff: Backoff = { firstMs: 100, maxMs: 5000 };

/**
 * Returns the wait after `attempt` failed attempts: a random part of an exponentially growing bound,
 * so that many clients of a server that went away do not come back in step, and never less than
 * what the server asked for.
 */
export function backoffMs(backoff: Backoff, attempt: number, askedMs: number, random: () => number): number {
  const bound = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.max(askedMs, Math.ceil(bound * (0.5 + random() / 2)));
}
