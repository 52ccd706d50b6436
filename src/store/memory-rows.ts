/**
 * The rows of a memory store, by log.
 *
 * @module
 */

import type { NewRow, ReadRange, StoredEntry } from "../ledger/ports.ts";

/** Rows one `discard` deletes. Small, so that callers meet the answer "more are left". */
const discardRowsMax = 256;

export interface MemoryRow extends StoredEntry {
  readonly key: string;
  readonly findableId: string | undefined;
}

interface MemoryLog {
  /** Index is sequence - 1. An archive has none at its beginning. */
  readonly rows: (MemoryRow | undefined)[];
  /** The first row of each findable id. */
  readonly byId: Map<string, MemoryRow>;
}

export class MemoryRows {
  readonly #logs = new Map<number, MemoryLog>();

  /** Returns the rows of a log with sequences after `after` up to `through`, in their order. */
  of(log: number, after = 0, through = Infinity): MemoryRow[] {
    return (this.#logs.get(log)?.rows ?? []).slice(after, through).filter((row) => row !== undefined);
  }

  /** Returns the first row with a findable id. */
  withId(log: number, id: string): MemoryRow | undefined {
    return this.#logs.get(log)?.byId.get(id);
  }

  /** Returns the page that `Store.read` does. */
  page(range: ReadRange): StoredEntry[] {
    const rows = this.#logs.get(range.log)?.rows ?? [];
    const page: StoredEntry[] = [];
    let bytes = 0;
    for (let index = range.after; index < Math.min(range.through, rows.length); index += 1) {
      const row = rows[index];
      if (row === undefined || (range.key !== undefined && row.key !== range.key)) continue;
      if (page.length >= range.entriesMax) break;
      page.push(copyOf(row));
      bytes += row.wire.length;
      if (bytes >= range.bytesMax) break;
    }
    return page;
  }

  write(row: NewRow): void {
    const { rows, byId } = this.#made(row.log);
    const id = row.findableId;
    const replaced = rows[row.sequence - 1]?.findableId;
    if (replaced !== undefined && byId.get(replaced)?.sequence === row.sequence) byId.delete(replaced);
    // An archive begins later than with its first place.
    while (rows.length < row.sequence - 1) rows.push(undefined);
    rows[row.sequence - 1] = row;
    if (id !== undefined && (byId.get(id)?.sequence ?? Infinity) >= row.sequence) byId.set(id, row);
  }

  /** Like `write`, and keeps the id by which the row can be found unless there is another. */
  repair(row: NewRow): void {
    const { findableId = this.#logs.get(row.log)?.rows[row.sequence - 1]?.findableId } = row;
    this.write({ ...row, findableId });
  }

  /** Moves rows after `after` to the log `archive`, and deletes those after `through`. */
  archive(log: number, after: number, through: number, archive: number): void {
    for (const row of this.of(log, after, through)) this.write({ ...row, log: archive });
    while (this.discard(log, after));
  }

  /** Deletes a bounded number of rows after `keep`; returns true while more are left. */
  discard(log: number, keep: number): boolean {
    const { rows, byId } = this.#logs.get(log) ?? { rows: [], byId: new Map<string, MemoryRow>() };
    for (let left = discardRowsMax; left > 0 && rows.length > keep;) {
      const row = rows.pop();
      if (row !== undefined) left -= 1;
      const id = row?.findableId;
      if (id !== undefined && (byId.get(id)?.sequence ?? 0) > rows.length) byId.delete(id);
    }
    if (rows.length === 0) this.#logs.delete(log);
    return rows.length > keep;
  }

  #made(log: number): MemoryLog {
    const known = this.#logs.get(log);
    if (known !== undefined) return known;
    const made: MemoryLog = { rows: [], byId: new Map() };
    this.#logs.set(log, made);
    return made;
  }
}

export function copyOf(row: StoredEntry): StoredEntry {
  return { sequence: row.sequence, contentHash: row.contentHash.slice(), wire: row.wire.slice() };
}
