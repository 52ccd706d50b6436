import { type ErrorFacts, LedgerError } from "../errors.ts";
import { limits } from "../limits.ts";

/** Returns the error for a snapshot that breaks a rule of its format; `fault` says which and where. */
export function damagedSnapshot(fault: string, options?: ErrorOptions): LedgerError {
  return snapshotError(
    `Snapshot is damaged: ${fault}`,
    { reason: "SNAPSHOT_DAMAGED", remedy: "take or transfer the snapshot again" },
    options,
  );
}

/** Returns the error for a snapshot that ends after `bytes` bytes, inside of `part`. */
export function truncatedSnapshot(bytes: number, part: string): LedgerError {
  return snapshotError(`Snapshot ends too early: it has ${bytes} bytes and stops in ${part}`, {
    reason: "SNAPSHOT_TRUNCATED",
    value: bytes,
    remedy: "transfer the whole snapshot",
  });
}

/** Returns the error for a snapshot of an unknown version; `version` says which. */
export function unsupportedSnapshot(version: string): LedgerError {
  return snapshotError(`Snapshot is ${version}, and only versions 1 to 3 can be loaded`, {
    reason: "SNAPSHOT_VERSION_UNSUPPORTED",
    value: version,
    limit: 3,
    remedy: "take the snapshot with a server that writes version 3",
  });
}

/** Returns the error for an Erlang external term that says it is a snapshot of another version than 1 or 2. */
export function unsupportedFirstSnapshot(version: bigint): LedgerError {
  return snapshotError(
    `Snapshot is an Erlang external term of version ${version}, and only versions 1 and 2 can be loaded`,
    {
      reason: "SNAPSHOT_VERSION_UNSUPPORTED",
      value: version,
      limit: 2,
      remedy: "take the snapshot with a server that writes version 3",
    },
  );
}

/** Returns the error for a version 2 snapshot without a root. */
export function rootMissing(): LedgerError {
  return snapshotError(
    "Snapshot is version 2 and has no merkle_root: nothing shows that its entries are right",
    {
      reason: "SNAPSHOT_ROOT_MISSING",
      remedy: "do not trust this snapshot; take or transfer it again",
    },
  );
}

/** Returns the error for a version 1 snapshot that the caller did not say may be loaded as it is. */
export function unverifiedSnapshot(): LedgerError {
  return snapshotError("Snapshot is version 1, which has no root: nothing shows that its entries are right", {
    reason: "SNAPSHOT_UNVERIFIED",
    field: "allow_unverified",
    value: 1,
    remedy: "set allow_unverified if you trust where it comes from",
  });
}

/** Returns the error for a snapshot of version 1 or 2 that is too large to be held in memory. */
export function oversizedFirstSnapshot(what: "packed" | "unpacked", value: number): LedgerError {
  return snapshotError(
    `Snapshot is version 1 or 2 and has at least ${value} bytes ${what}, at most ${limits.answerBytesMax} are allowed`,
    {
      reason: "SNAPSHOT_LIMIT",
      value,
      limit: limits.answerBytesMax,
      remedy: "read the entries with the first implementation and append them here",
    },
  );
}

/** Returns the error for an entry that is larger than any entry may be. */
export function oversizedSnapshot(
  fault: string,
  sizes: { readonly value: number; readonly limit: number },
): LedgerError {
  const { value, limit } = sizes;
  return snapshotError(`Snapshot has ${fault} of ${value} bytes, at most ${limit} are allowed`, {
    reason: "SNAPSHOT_LIMIT",
    value,
    limit,
    remedy: "load a snapshot whose entries are within the limits",
  });
}

/** Returns the error for a snapshot whose entries have another root than was said. */
export function snapshotRootMismatch(
  field: "snapshot" | "expected_root",
  roots: { readonly said: string; readonly computed: string; readonly profile?: string },
): LedgerError {
  const { said, computed, profile } = roots;
  const text =
    field === "snapshot"
      ? `Snapshot is damaged: its ${profile} root is ${said} and its entries give ${computed}`
      : `Snapshot has the roots ${computed}, expected_root is ${said}`;
  return new LedgerError("INVALID_ARGUMENT", text, {
    reason: "SNAPSHOT_ROOT_MISMATCH",
    field,
    value: field === "snapshot" ? computed : said,
    remedy: "do not trust this snapshot; take or transfer it again",
  });
}

function snapshotError(message: string, facts: ErrorFacts, options?: ErrorOptions): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", message, { field: "snapshot", ...facts }, options);
}
