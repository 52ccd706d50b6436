import { LedgerError } from "../core/errors.ts";
import { StoreError } from "./ports.ts";

/** Returns what a client is told when the store fails; anything but a StoreError is INTERNAL. */
export function fromStoreError(cause: unknown): LedgerError {
  if (cause instanceof LedgerError) return cause;
  if (!(cause instanceof StoreError)) {
    return new LedgerError("INTERNAL", "the server made a mistake", { reason: "INTERNAL" }, { cause });
  }
  switch (cause.failure) {
    case "full":
      return new LedgerError(
        "RESOURCE_EXHAUSTED",
        "the server's disk is full; nothing was written",
        {
          reason: "DISK_FULL",
          remedy: "retry when the operator has made space",
          retryAfterMs: 5000,
        },
        { cause },
      );
    case "io":
      return new LedgerError(
        "UNAVAILABLE",
        `the server's storage failed: ${cause.message}`,
        {
          reason: "STORAGE_FAILED",
          remedy: "tell the operator, and retry later",
          retryAfterMs: 5000,
        },
        { cause },
      );
    case "closed":
      return new LedgerError(
        "UNAVAILABLE",
        "the server's storage is restarting; nothing was written",
        {
          reason: "STORAGE_RESTARTING",
          remedy: "retry",
          retryAfterMs: 100,
        },
        { cause },
      );
    case "unknown":
      return new LedgerError(
        "UNAVAILABLE",
        "the server's storage restarted while writing; the outcome is unknown",
        {
          reason: "OUTCOME_UNKNOWN",
          remedy: "retry with the same idempotency_key",
          retryAfterMs: 100,
        },
        { cause },
      );
  }
}
