/**
 * Rows of a log as they are, for those who look for damage: nothing is left out, and a page that cannot be read is
 * read row by row.
 *
 * @module
 */

import { limits } from "../core/limits.ts";
import { type Store, StoreError, type StoredEntry } from "./ports.ts";
import { judgeRows, noHash, type Verdict } from "./verification-rows.ts";
import type { Hasher } from "../core/hasher.ts";

export interface RawPage {
  /** The last sequence it is about. */
  readonly through: number;
  readonly rows: readonly StoredEntry[];
  /** Why a sequence cannot be read. */
  readonly unreadable: ReadonlyMap<number, StoreError>;
}

interface PageRange {
  readonly log: number;
  readonly after: number;
  readonly through: number;
}

/** Reads one page. Throws StoreError if it is not for damage that it cannot be read. */
export async function readRawPage(store: Pick<Store, "read">, range: PageRange): Promise<RawPage> {
  const { log, after } = range;
  const through = Math.min(range.through, after + limits.readPageEntries);
  try {
    const rows = await store.read({
      log,
      after,
      through,
      entriesMax: limits.readPageEntries,
      bytesMax: limits.readPageBytes,
    });
    // A page without rows is one whose rows are missing; a short one may have been cut at its size.
    return { through: rows.at(-1)?.sequence ?? through, rows, unreadable: new Map() };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return readRowByRow(store, { log, after, through });
  }
}

/** Returns verdicts on all sequences of a page, in their order. */
export function judgePage(
  contextId: string,
  { rows, through, unreadable }: RawPage,
  after: number,
  hasher: Hasher,
): Verdict[] {
  const verdicts: Verdict[] = [];
  const judged = new Map(judgeRows(contextId, rows, hasher).map((verdict) => [verdict.sequence, verdict]));
  for (let sequence = after + 1; sequence <= through; sequence += 1) {
    const failure = unreadable.get(sequence);
    const problem = failure === undefined ? "it is missing" : `it cannot be read: ${failure.message}`;
    verdicts.push(
      judged.get(sequence) ?? { sequence, stored: noHash, actual: noHash, problem, content: undefined },
    );
  }
  return verdicts;
}

/** Returns whether an error of the store can be for damage of what is stored. */
export function isDamage(error: unknown): error is StoreError {
  return error instanceof StoreError && error.failure === "io";
}

async function readRowByRow(
  store: Pick<Store, "read">,
  { log, after, through }: PageRange,
): Promise<RawPage> {
  const rows: StoredEntry[] = [];
  const unreadable = new Map<number, StoreError>();
  let bytes = 0;
  let sequence = after;
  while (sequence < through && bytes < limits.readPageBytes) {
    sequence += 1;
    try {
      const row = await store.read({
        log,
        after: sequence - 1,
        through: sequence,
        entriesMax: 1,
        bytesMax: 1,
      });
      bytes += row[0]?.wire.length ?? 0;
      rows.push(...row);
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable.set(sequence, error);
    }
  }
  return { through: sequence, rows, unreadable };
}
