import type { Random } from "./random.ts";

/** A node as a client knows it. */
export interface Target {
  readonly name: string;
  readonly url: string;
  readonly grpcUrl: string;
}

/** What every part of the recording client is given. */
export interface Load {
  /** Nodes that a client may ask; those that are down among them. */
  readonly targets: () => readonly Target[];
  readonly contexts: readonly string[];
  readonly random: Random;
  /** Fires when no further entries are to be begun. */
  readonly over: AbortSignal;
  /** Fires when everybody has to come to an end. */
  readonly end: AbortSignal;
  /** Mean pause of a writer between two entries. */
  readonly pauseMs: number;
  /** How long one attempt may take. */
  readonly attemptMs: number;
}

/** Sleeps, at most until the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = (): void => resolve();
  signal.addEventListener("abort", wake, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", wake);
}
