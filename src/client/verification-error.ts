/**
 * What a server, or whoever stands between, did that it cannot have done honestly.
 * - `entry-changed`: an entry does not have the hash it came with, or is not the one that was sent.
 * - `out-of-order`: an entry was left out, repeated, or came in another order.
 * - `root-differs`: the root that came with an entry is not that of the entries up to it.
 * - `proof-invalid`: an inclusion or consistency proof does not prove what it came for, or is missing.
 * - `history-replaced`: what came before the cursor is not what was verified before.
 * - `fork`: the log was signed with two histories.
 * - `checkpoint-older`: a checkpoint does not cover what was shown already.
 * - `checkpoint-invalid`: a checkpoint is malformed, of another log, or not signed with a trusted key.
 */
export type VerificationFault =
  | "entry-changed"
  | "out-of-order"
  | "root-differs"
  | "proof-invalid"
  | "history-replaced"
  | "fork"
  | "checkpoint-older"
  | "checkpoint-invalid";

/** Something that was received cannot be true. Nothing of it was given to the caller. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";

  constructor(
    readonly fault: VerificationFault,
    message: string,
    /** The entry at which it showed; undefined if it was none. */
    readonly sequence?: bigint,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
