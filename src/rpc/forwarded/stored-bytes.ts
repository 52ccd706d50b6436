import { contentHashFieldBytes } from "../../core/entry-wire.ts";
import { LedgerError } from "../../core/errors.ts";
import type { Entry } from "../../core/entry.ts";
import { decodeStored } from "../../ledger/decode-stored.ts";
import type { StoredEntry } from "../../ledger/ports.ts";

/** The tag and the length of content_hash, which ends every entry. */
const hashTag = 0x42;
const hashLength = 32;

/** Returns a stored entry, and what it says, from the bytes of its message, of which it keeps views. Throws LedgerError. */
export function storedEntry(bytes: Uint8Array): { readonly stored: StoredEntry; readonly entry: Entry } {
  const end = bytes.length - contentHashFieldBytes;
  if (end < 0 || bytes[end] !== hashTag || bytes[end + 1] !== hashLength) throw unreadable();
  const wire = bytes.subarray(0, end);
  const contentHash = bytes.subarray(end + 2);
  const entry = decodeStored({ sequence: 0, wire, contentHash });
  return { stored: { sequence: entry.sequence, wire, contentHash }, entry };
}

function unreadable(): LedgerError {
  return new LedgerError("INTERNAL", "another node answered with something that is no entry", {
    reason: "INTERNAL",
  });
}
