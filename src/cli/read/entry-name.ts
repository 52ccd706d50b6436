import { limits } from "../../core/limits.ts";
import { UsageError } from "../usage-error.ts";

/** An entry as it is named on the command line. */
export interface EntryName {
  readonly contextId: string;
  /** The newest entry if it is not there. */
  readonly sequence?: bigint;
}

/** Reads `CTX@SEQ`, where the last @ before nothing but digits counts, because ids may hold @ too, or `CTX`. */
export function parseEntryName(text: string): EntryName {
  const [, contextId, digits] = /^(.+)@(\d+)$/su.exec(text) ?? [];
  if (contextId === undefined || digits === undefined) return { contextId: text };
  const sequence = digits.length > 20 ? 0n : BigInt(digits);
  if (sequence >= 1n && sequence <= BigInt(limits.sequenceMax)) return { contextId, sequence };
  throw new UsageError(
    `${JSON.stringify(digits)} is not a sequence from 1 to ${limits.sequenceMax}; use CTX@SEQ, or --newest if the @ belongs to the context`,
  );
}
