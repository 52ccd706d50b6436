import type { RestartPolicy } from "./spec.ts";

/** What to do after a crash: restart after a wait, or give up. */
export type RestartDecision =
  | { readonly kind: "restart"; readonly delayMs: number }
  | { readonly kind: "give-up"; readonly restarts: number };

/** Decides by the crashes of the last `withinMs`. Keeps at most `maxRestarts` + 1 of them. */
export class RestartBudget {
  #crashesMs: number[] = [];
  readonly #policy: RestartPolicy;

  constructor(policy: RestartPolicy) {
    this.#policy = policy;
  }

  /** Counts a crash at `nowMs`. */
  crash(nowMs: number): RestartDecision {
    const { maxRestarts, withinMs, backoff } = this.#policy;
    this.#crashesMs = this.#crashesMs.filter((crashMs) => nowMs - crashMs < withinMs);
    this.#crashesMs.push(nowMs);
    const crashes = this.#crashesMs.length;
    if (crashes > maxRestarts) return { kind: "give-up", restarts: crashes - 1 };
    return { kind: "restart", delayMs: Math.min(backoff.minMs * 2 ** (crashes - 1), backoff.maxMs) };
  }
}
