/**
 * Why a data directory could not be opened.
 * - `locked`: another process has it open.
 * - `newer-schema`: a newer program wrote it.
 * - `not-a-ledger`: the file is something else.
 * - `damaged`: it was a ledger, and part of it is missing or overwritten.
 * - `read-only`: this process may not write there.
 * - `no-space`: the file system is full.
 * - `io`: anything else the file system said.
 */
export type StoreOpenFailure =
  "locked" | "newer-schema" | "not-a-ledger" | "damaged" | "read-only" | "no-space" | "io";

/** A data directory that cannot be opened; the message names the path and the remedy. */
export class StoreOpenError extends Error {
  override readonly name = "StoreOpenError";

  constructor(
    readonly kind: StoreOpenFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
