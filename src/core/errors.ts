/**
 * Every failure the world can cause, as one closed set. The edges (rpc, cli) map the codes
 * exhaustively; mistakes of this program are assertions, never these.
 *
 * @module
 */

/** Names of the gRPC status codes this ledger uses. */
export type ErrorCode =
  | "CANCELLED"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS";

/** What a program can know about a failure beside its code. */
export interface ErrorFacts {
  /** UPPER_SNAKE_CASE, stable, unique per cause: what programs switch on. */
  readonly reason: string;
  /** The request field at fault, in its proto spelling. */
  readonly field?: string;
  /** The offending value or size; long text is cut by the thrower. */
  readonly value?: string | number | bigint;
  /** The bound that was crossed. */
  readonly limit?: string | number | bigint;
  /** What the caller can do about it, as an imperative sentence without a full stop. */
  readonly remedy?: string;
  /** Where to continue from, for errors about positions in a context. */
  readonly sequence?: number;
  /** Set if the same call may succeed later. */
  readonly retryAfterMs?: number;
}

/** A failure with a code for protocols, facts for programs and a sentence for people. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly facts: ErrorFacts,
    options?: ErrorOptions,
  ) {
    super(facts.remedy === undefined ? message : `${message}; ${facts.remedy}`, options);
  }
}

/** Returns `text` in quotes for an error message, cut after 64 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length <= 64 ? text : `${text.slice(0, 64)}…`);
}
