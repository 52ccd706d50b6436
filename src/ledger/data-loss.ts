import { LedgerError } from "../core/errors.ts";

/** Returns DATA_LOSS for a committed entry whose row is not there. */
export function entryMissing(sequence: number): LedgerError {
  return new LedgerError(
    "DATA_LOSS",
    `the entry at sequence ${sequence} is missing in the server's storage`,
    {
      reason: "ENTRY_MISSING",
      value: sequence,
      sequence,
      remedy: "restore the data directory from a copy",
    },
  );
}

/** Returns DATA_LOSS for an entry whose stored bytes are not what was appended. */
export function entryDamaged(sequence: number, options?: ErrorOptions): LedgerError {
  return new LedgerError(
    "DATA_LOSS",
    `the entry at sequence ${sequence} is damaged in the server's storage`,
    {
      reason: "ENTRY_DAMAGED",
      value: sequence,
      sequence,
      remedy: `read what is behind it with after_sequence or from_sequence ${sequence}, and tell the operator`,
    },
    options,
  );
}
