import { isTimeBased } from "../core/entry-id.ts";
import { decodeEntry } from "../core/entry-wire.ts";
import { LedgerError, quote } from "../core/errors.ts";
import type { Hasher } from "../core/hasher.ts";
import type { Clock, Head, NewRow, Store } from "./ports.ts";
import { judgeRows } from "./verification-rows.ts";

/** An entry as another node sent it. */
export interface IncomingRow {
  readonly contentHash: Uint8Array;
  readonly wire: Uint8Array;
}

/** Entries that follow a head, and the head that they lead to. */
export interface CheckedRows {
  readonly entries: readonly Omit<NewRow, "log">[];
  readonly to: Head;
  /** Of the entries as they are stored. */
  readonly bytes: number;
}

/**
 * Checks rows that are to follow the head `base`, at least one. Throws INVALID_ARGUMENT PEER_ROWS_INVALID if one does not have
 * its hash or its place.
 */
export function checkedRows(
  { hasher, clock, store }: { readonly hasher: Hasher; readonly clock: Clock; readonly store: Store },
  contextId: string,
  base: Head | undefined,
  rows: readonly IncomingRow[],
): CheckedRows {
  const first = (base?.latest ?? 0) + 1;
  const stored = rows.map((row, index) => ({ ...row, sequence: first + index }));
  let { lamport, appendedAtNs, bytes } = base ?? { lamport: 0n, appendedAtNs: 0n, bytes: 0 };
  let wireBytes = 0;
  const verdicts = judgeRows(contextId, stored, hasher);
  const entries = stored.map((row, index): Omit<NewRow, "log"> => {
    const verdict = verdicts[index];
    const content = verdict?.content;
    if (verdict === undefined || verdict.problem !== undefined || content === undefined)
      throw invalidRow(contextId, row.sequence, verdict?.problem ?? "it cannot be read");
    if (content.lamport > lamport) lamport = content.lamport;
    if (content.appendedAtNs > appendedAtNs) appendedAtNs = content.appendedAtNs;
    bytes += content.bytes;
    wireBytes += row.wire.length;
    const { id } = decodeEntry(row.wire);
    const findableId = isTimeBased(id, content.appendedAtNs) ? undefined : id;
    return { ...row, key: content.key, findableId };
  });
  const to = {
    ...{ log: base?.log ?? store.newLog(), latest: first + rows.length - 1 },
    ...{ lamport, appendedAtNs, bytes, createdAtNs: base?.createdAtNs ?? clock.nowNs() },
  };
  return { entries, to, bytes: wireBytes };
}

function invalidRow(contextId: string, sequence: number, problem: string): LedgerError {
  const text = `entry ${sequence} of context ${quote(contextId)}, as another node sent it, is refused: ${problem}`;
  return new LedgerError("INVALID_ARGUMENT", text, {
    ...{ reason: "PEER_ROWS_INVALID", field: "rows", sequence, value: sequence },
    remedy: "verify the context on the node that sent it",
  });
}
