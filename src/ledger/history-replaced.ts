import { LedgerError } from "../core/errors.ts";

/**
 * Returns ABORTED: entries after `sequence` have lost their place to another history. `cursor` is the sequence of the entry
 * that a client named, if it named one.
 */
export function historyReplaced(sequence: number, cursor?: number): LedgerError {
  const text =
    cursor === undefined
      ? `the entries after sequence ${sequence} have lost their place to another history`
      : `the entry at sequence ${cursor} is not the one of the cursor`;
  return new LedgerError("ABORTED", text, {
    reason: "HISTORY_REPLACED",
    ...(cursor === undefined ? {} : { field: "resume_token", value: cursor }),
    sequence,
    remedy: `read the context from sequence ${sequence}`,
  });
}

export function isHistoryReplaced(error: unknown): error is LedgerError {
  return error instanceof LedgerError && error.facts.reason === "HISTORY_REPLACED";
}
