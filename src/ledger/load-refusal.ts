import { LedgerError, quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { damagedSnapshot } from "../core/snapshot/snapshot-error.ts";

/** Returns the refusal of a load that would hold one more snapshot in memory. */
export function tooManyHeld(): LedgerError {
  return new LedgerError(
    "UNAVAILABLE",
    `${limits.firstSnapshotLoadsMax} snapshots of the first implementation are being loaded already`,
    {
      reason: "OVERLOADED",
      field: "snapshot",
      limit: limits.firstSnapshotLoadsMax,
      remedy: "load again when they are done",
      retryAfterMs: 1000,
    },
  );
}

/** Returns the refusal of a snapshot that has two entries with one id. */
export function idRepeated(id: string): LedgerError {
  return damagedSnapshot(`two of its entries have the id ${quote(id)}`);
}

/** Returns the refusal of a load with fail_if_exists. */
export function alreadyExists(contextId: string, latest: number): LedgerError {
  return new LedgerError("ALREADY_EXISTS", `context ${quote(contextId)} has ${latest} entries`, {
    reason: "CONTEXT_EXISTS",
    field: "fail_if_exists",
    value: contextId,
    sequence: latest,
    remedy: "load into another context_id, or leave fail_if_exists unset",
  });
}

/** Returns the refusal of a snapshot of another history than the one that exists. */
export function differs(contextId: string, sequence: number): LedgerError {
  return new LedgerError(
    "FAILED_PRECONDITION",
    `context ${quote(contextId)} has another entry at sequence ${sequence} than the snapshot`,
    {
      reason: "HISTORY_DIFFERS",
      field: "snapshot",
      value: sequence,
      sequence,
      remedy: "load into another context_id",
    },
  );
}

/** Returns the failure of a load whose context went on meanwhile. */
export function headMoved(contextId: string): LedgerError {
  return new LedgerError("ABORTED", `context ${quote(contextId)} has changed while the snapshot was loaded`, {
    reason: "HEAD_MOVED",
    field: "context_id",
    value: contextId,
    remedy: "load again",
    retryAfterMs: 100,
  });
}
