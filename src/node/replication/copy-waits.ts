import type { LedgerError } from "../../core/errors.ts";
import type { CopyCounts } from "../../ledger/shared-context.ts";

interface Wait {
  readonly sequence: number;
  readonly copies: number;
  readonly settle: (error?: LedgerError) => void;
}

/** Who waits until more holders of one context have an entry than its commit needs. */
export class CopyWaits {
  readonly #waits = new Set<Wait>();

  /**
   * Resolves when `copies` holders are known to have an entry. Rejects with what {@link fail} is given, or, once the
   * returned `giveUp` was called, with what that is given.
   */
  until(
    counts: CopyCounts,
    sequence: number,
    copies: number,
  ): { readonly reached: Promise<void>; readonly giveUp: (error: LedgerError) => void } {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (counts.copiesOf(sequence) >= copies) {
      resolve();
      return { reached: promise, giveUp: () => {} };
    }
    const wait: Wait = {
      sequence,
      copies,
      settle: (error) => {
        if (!this.#waits.delete(wait)) return;
        if (error === undefined) resolve();
        else reject(error);
      },
    };
    this.#waits.add(wait);
    return { reached: promise, giveUp: wait.settle };
  }

  /** More may be known. */
  progressed(counts: CopyCounts): void {
    for (const { sequence, copies, settle } of this.#waits) if (counts.copiesOf(sequence) >= copies) settle();
  }

  fail(error: LedgerError): void {
    for (const { settle } of this.#waits) settle(error);
  }
}
