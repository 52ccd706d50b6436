import { LedgerError, quote } from "../errors.ts";
import type { Hash } from "../hasher.ts";
import { hex, unhex } from "../hex.ts";
import { limits } from "../limits.ts";
import { sameBytes } from "./same-bytes.ts";
import { snapshotRootMismatch } from "./snapshot-error.ts";
import type { SnapshotSummary } from "./snapshot-format.ts";

/** A root that a caller got from a source it trusts; a root counts only with its number of entries. */
export interface ExpectedRoot {
  readonly count: number;
  readonly root: Hash;
}

/** Parses the field expected_root, `<entries>:<64 hexadecimal digits>`. Throws INVALID_ARGUMENT. */
export function parseExpectedRoot(text: string): ExpectedRoot {
  const [, digits = "", hash = ""] = /^(0|[1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  const root = unhex(hash);
  const count = Number(digits);
  if (digits === "" || root === undefined || count > limits.sequenceMax) {
    throw new LedgerError("INVALID_ARGUMENT", `expected_root ${quote(text)} is not a count and a root`, {
      reason: "EXPECTED_ROOT_INVALID",
      field: "expected_root",
      value: text.slice(0, 128),
      remedy: "write it as <entries>:<64 lower-case hexadecimal digits>",
    });
  }
  return { count, root };
}

/** Throws INVALID_ARGUMENT unless one of the snapshot's two roots is the expected one. */
export function checkExpectedRoot(
  expected: ExpectedRoot,
  summary: Pick<SnapshotSummary, "count" | "root" | "seedRoot">,
): void {
  const { count, root, seedRoot } = summary;
  const isSame = sameBytes(expected.root, root) || sameBytes(expected.root, seedRoot);
  if (isSame && expected.count === count) return;
  throw snapshotRootMismatch("expected_root", {
    said: `${expected.count}:${hex(expected.root)}`,
    computed: `${count}:${hex(root)} (rfc6962) and ${count}:${hex(seedRoot)} (seed)`,
  });
}
