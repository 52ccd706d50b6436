import { LedgerError, quote } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import {
  type AppendInput,
  batchTooLong,
  checkAppend,
  checkBatch,
  checkContextId,
} from "../../core/validate.ts";
import type { Appended, Receipt } from "../../ledger/append-unit.ts";
import { forwardedAppend, forwardedBatch } from "../../rpc/forwarded/append-calls.ts";
import { type CallTerms, type ClusterParts, clusterTiming, type ClusterTiming } from "./cluster-parts.ts";
import type { Forwarder } from "./forwarder.ts";
import { afterAppend, beforeAppend, mayAppendAgain } from "./outcomes.ts";

/** Appends that this node cannot answer at once: it is not the home, or not yet, or more copies are asked for. */
export class ClusterAppends {
  readonly #parts: ClusterParts;
  readonly #forwarder: Forwarder;
  readonly #timing: ClusterTiming;

  constructor(parts: ClusterParts, forwarder: Forwarder) {
    this.#parts = parts;
    this.#forwarder = forwarder;
    this.#timing = parts.timing ?? clusterTiming;
  }

  async append(
    contextId: string,
    given: AppendInput,
    minCopies: number,
    terms: CallTerms,
  ): Promise<Appended> {
    checkContextId(contextId);
    // Another node is only sent what it can refuse for nothing but its state.
    const input = checkAppend(given);
    const isIdempotent = input.idempotencyKey !== "";
    return await this.#forwarder.atHome({
      contextId,
      call: forwardedAppend,
      input: { contextId, input, minCopies },
      terms,
      writes: true,
      retryMs: this.#timing.appendRetryMs,
      answerMs: this.#timing.forwardMs,
      mayRepeat: (error) => mayAppendAgain(error, isIdempotent),
      here: async () => {
        await this.#prepare(contextId, minCopies);
        const appended = await this.#parts.local.append(contextId, input, { minCopies: 0 });
        const copies = await this.#copied(contextId, appended, minCopies, terms);
        return copies === undefined ? appended : { ...appended, ...copies };
      },
    });
  }

  async appendBatch(
    contextId: string,
    given: readonly AppendInput[],
    minCopies: number,
    terms: CallTerms,
  ): Promise<readonly Receipt[]> {
    checkContextId(contextId);
    if (given.length > limits.batchEntriesMax) throw batchTooLong(given.length);
    const inputs = given.map(checkAppend);
    checkBatch(inputs);
    const isIdempotent = inputs.every(({ idempotencyKey }) => idempotencyKey !== "");
    return await this.#forwarder.atHome({
      contextId,
      call: forwardedBatch,
      input: { contextId, inputs, minCopies },
      terms,
      writes: true,
      retryMs: this.#timing.appendRetryMs,
      answerMs: this.#timing.forwardMs,
      mayRepeat: (error) => mayAppendAgain(error, isIdempotent),
      here: async () => {
        await this.#prepare(contextId, minCopies);
        const receipts = await this.#parts.local.appendBatch(contextId, inputs, { minCopies: 0 });
        const last = receipts.reduce((a, b) => (b.sequence > a.sequence ? b : a));
        const copies = await this.#copied(contextId, last, minCopies, terms);
        return copies === undefined ? receipts : receipts.map((receipt) => ({ ...receipt, ...copies }));
      },
    });
  }

  /** Makes this node the writer. Rejects with nothing written, also if there can never be so many copies. */
  async #prepare(contextId: string, minCopies: number): Promise<void> {
    const { routing } = this.#parts;
    try {
      await routing.lead(contextId);
    } catch (error) {
      throw beforeAppend(contextId, error);
    }
    if (minCopies <= 1) return;
    const { length } = await routing.locate(contextId);
    if (minCopies > length) throw tooFewHolders(contextId, minCopies, length);
  }

  /** Resolves with what is known of the copies once there are enough; undefined if nothing was asked for. */
  async #copied(
    contextId: string,
    { sequence }: Pick<Receipt, "sequence">,
    minCopies: number,
    { timeoutMs }: CallTerms,
  ): Promise<{ readonly copies: number; readonly holders: number } | undefined> {
    if (minCopies <= 1) return undefined;
    const { routing } = this.#parts;
    const waitMs = Math.min(timeoutMs ?? this.#timing.minCopiesMs, this.#timing.minCopiesMs);
    try {
      await routing.copied(contextId, sequence, minCopies, waitMs);
      return routing.copiesOf(contextId, sequence);
    } catch (error) {
      throw afterAppend(error);
    }
  }
}

function tooFewHolders(contextId: string, minCopies: number, holders: number): LedgerError {
  const text = `min_copies is ${minCopies}, and context ${quote(contextId)} is kept by ${holders} nodes`;
  return new LedgerError("FAILED_PRECONDITION", text, {
    ...{ reason: "TOO_FEW_HOLDERS", field: "min_copies", value: minCopies, limit: holders },
    remedy: `set min_copies to at most ${holders}`,
  });
}
