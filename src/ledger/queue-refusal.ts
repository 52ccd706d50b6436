import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";

/** Returns the refusal of a unit that finds no room in the queue. */
export function overloaded(
  { entries, bytes }: { readonly entries: number; readonly bytes: number },
  unit: { readonly entries: number },
): LedgerError {
  const tooMany = entries + unit.entries > limits.queuedEntriesMax;
  return new LedgerError(
    "UNAVAILABLE",
    `the server has ${entries} entries (${bytes} bytes) waiting for the disk`,
    {
      reason: "OVERLOADED",
      value: tooMany ? entries : bytes,
      limit: tooMany ? limits.queuedEntriesMax : limits.queuedBytesMax,
      remedy: "retry later with the same idempotency_key",
      retryAfterMs: 200,
    },
  );
}

/** Returns the failure of a unit whose context another writer has changed. */
export function headMoved(contextId: string): LedgerError {
  return new LedgerError("UNAVAILABLE", "another writer has changed the context", {
    reason: "HEAD_MOVED",
    field: "context_id",
    value: contextId,
    remedy: "retry with the same idempotency_key",
    retryAfterMs: 10,
  });
}
