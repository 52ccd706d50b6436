import { LedgerError } from "../core/errors.ts";
import type { ContextState } from "./context-state.ts";
import type { Clock } from "./ports.ts";

/** How long a read waits for `min_sequence` if its caller sets no earlier deadline. */
const waitMsMax = 30_000;

interface Wait {
  readonly sequence: number;
  readonly reached: () => void;
}

/** Reads that wait until their context has a certain sequence. */
export class SequenceWaits {
  readonly #clock: Clock;
  readonly #waits = new Map<ContextState, Set<Wait>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the context has `sequence`. Rejects with CANCELLED when `signal` fires, with DEADLINE_EXCEEDED after 30 s. */
  until(state: ContextState, sequence: bigint, signal: AbortSignal | undefined): Promise<void> {
    if (BigInt(state.head?.latest ?? 0) >= sequence) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waits = this.#waits.get(state) ?? new Set();
      this.#waits.set(state, waits);
      state.pins += 1;
      const settle = (outcome: () => void): void => {
        if (!waits.delete(wait)) return;
        if (waits.size === 0) this.#waits.delete(state);
        state.pins -= 1;
        cancelTimer();
        signal?.removeEventListener("abort", abort);
        outcome();
      };
      const wait: Wait = { sequence: Number(sequence), reached: () => settle(resolve) };
      const abort = (): void => settle(() => reject(notReached("CANCELLED", state, sequence)));
      const cancelTimer = this.#clock.after(waitMsMax, () =>
        settle(() => reject(notReached("DEADLINE_EXCEEDED", state, sequence))),
      );
      waits.add(wait);
      signal?.addEventListener("abort", abort);
      if (signal?.aborted === true) abort();
    });
  }

  /** The context has a new head. */
  advanced(state: ContextState): void {
    const waits = this.#waits.get(state);
    if (waits === undefined) return;
    for (const wait of [...waits]) if ((state.head?.latest ?? 0) >= wait.sequence) wait.reached();
  }
}

function notReached(
  code: "CANCELLED" | "DEADLINE_EXCEEDED",
  state: ContextState,
  sequence: bigint,
): LedgerError {
  const latest = state.head?.latest ?? 0;
  return new LedgerError(
    code,
    `the context has not reached min_sequence ${sequence}: its newest is ${latest}`,
    {
      reason: "MIN_SEQUENCE_NOT_REACHED",
      field: "min_sequence",
      value: sequence,
      limit: latest,
      sequence: latest,
      remedy: "check the context_id and the sequence, or retry",
    },
  );
}
