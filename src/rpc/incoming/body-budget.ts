import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";

/**
 * Bytes of request bodies that are in memory because their requests are not complete, all connections together.
 */
export class BodyBudget {
  #held = 0;

  get held(): number {
    return this.#held;
  }

  /** Returns the account of one request. */
  open(): BodyAccount {
    return new BodyAccount((change) => {
      this.#held += change;
      return this.#held <= limits.bodiesBytesMax;
    });
  }
}

/** What one request holds. */
export class BodyAccount {
  readonly #change: (bytes: number) => boolean;
  #bytes = 0;

  constructor(change: (bytes: number) => boolean) {
    this.#change = change;
  }

  /** Counts further bytes. Throws UNAVAILABLE if all requests together hold too many. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#change(bytes) || bytes <= 0) return;
    throw new LedgerError("UNAVAILABLE", "the server holds too many bytes of unfinished requests", {
      reason: "OVERLOADED",
      limit: limits.bodiesBytesMax,
      remedy: "retry later",
      retryAfterMs: 500,
    });
  }

  /** Counts that this many bytes are held now. Throws UNAVAILABLE if all requests together hold too many. */
  set(bytes: number): void {
    if (bytes !== this.#bytes) this.add(bytes - this.#bytes);
  }

  /** Gives everything back. Idempotent. */
  close(): void {
    this.#change(-this.#bytes);
    this.#bytes = 0;
  }
}
