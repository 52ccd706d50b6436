import { LedgerError } from "../../core/errors.ts";
import { type HeadRecord, parseHeadRecord } from "../../core/tlog/head-record.ts";

/** Returns a stored head record; undefined if the bytes are none. */
export function readHeadRecord(wire: unknown): HeadRecord | undefined {
  if (!(wire instanceof Uint8Array)) return undefined;
  try {
    return parseHeadRecord(wire);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}
