/**
 * Which rows this store instance has written that no head covers yet, and the rule that a head may
 * only cover rows that are there: without gaps, and written since the store was opened. Rows
 * staged before a crash are being discarded, so publishing them would leave holes. Logs that are
 * archives take no rows and no head.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { type Head, StoreError } from "../ledger/ports.ts";
import { noRemovals, type Removals } from "./removals.ts";

export interface RowPosition {
  readonly log: number;
  readonly sequence: number;
}

/** What a head change says about logs: the rows it had, and the rows it has now. */
export interface Coverage {
  readonly from: Pick<Head, "log" | "latest"> | undefined;
  readonly to: Pick<Head, "log" | "latest">;
}

/** What one commit changes; nothing does until {@link StagedRows.apply}. */
export interface StagingPlan {
  /** The uncovered rows of each log the commit touches; undefined if it leaves none. */
  readonly spans: ReadonlyMap<number, Span | undefined>;
  /** Logs that now have rows neither a head nor an archive covers, and had none before. */
  readonly opened: readonly number[];
  /** Logs that had such rows, and now have none. */
  readonly closed: readonly number[];
  /** Logs that are archives now. */
  readonly archived: readonly number[];
  /** Logs that were archives, and are none any more. */
  readonly settled: readonly number[];
}

/** Sequences `first` to `next - 1`. */
interface Span {
  readonly first: number;
  readonly next: number;
}

export class StagedRows {
  readonly #spans = new Map<number, Span>();
  readonly #archives: Set<number>;

  /** Takes the logs that are archives already. */
  constructor(archives: Iterable<number> = []) {
    this.#archives = new Set(archives);
  }

  /**
   * Plans one commit, whose rows and heads come after its removals. `latestOf` returns the latest sequence that a head
   * covers in a log, 0 if none; of logs with removals it is not asked. Throws StoreError if a head would cover rows that
   * are not there, or a row leaves a gap.
   */
  plan(
    rows: readonly RowPosition[],
    heads: readonly Coverage[],
    latestOf: (log: number) => number,
    removals: Removals = noRemovals,
  ): StagingPlan {
    const { cuts, dropped, archived } = removals;
    const written = spansOf(rows);
    const isArchive = (log: number): boolean => this.#archives.has(log) || archived.includes(log);
    for (const log of archived)
      assert(!this.#archives.has(log) && !this.#spans.has(log), "an archive is new");
    for (const log of written.keys()) assert(!isArchive(log), "nothing is added to an archive");
    const staged = (log: number): Span | undefined => (cuts.has(log) ? undefined : this.#spans.get(log));
    const covered = (log: number): number => cuts.get(log) ?? latestOf(log);
    const spans = new Map<number, Span | undefined>();
    const replaced: number[] = [];
    for (const { from, to } of heads) {
      assert(!spans.has(to.log), "a commit moves one log once");
      assert(!isArchive(to.log), "no head names an archive");
      const base = from?.log === to.log ? from.latest : 0;
      assert(to.latest >= base, "a head never goes back");
      if (from !== undefined && from.log !== to.log) replaced.push(from.log);
      spans.set(to.log, publish(to, base, joined(to.log, staged(to.log), written.get(to.log))));
    }
    for (const [log, span] of written) {
      if (!spans.has(log)) spans.set(log, stage(log, staged(log), span, covered));
    }
    for (const log of cuts.keys()) if (!spans.has(log)) spans.set(log, undefined);
    const settled = removals.settled.filter(isArchive);
    const doomed = [...replaced, ...dropped, ...settled];
    const opened = [...spans].filter(([log, span]) => span !== undefined && !this.#spans.has(log));
    const closed = [...spans].filter(
      ([log, span]) => span === undefined && this.#spans.has(log) && !doomed.includes(log),
    );
    return {
      spans,
      opened: [...opened.map(([log]) => log), ...doomed],
      closed: closed.map(([log]) => log),
      archived,
      settled,
    };
  }

  apply(plan: StagingPlan): void {
    for (const [log, span] of plan.spans) {
      if (span === undefined) this.#spans.delete(log);
      else this.#spans.set(log, span);
    }
    for (const log of plan.archived) this.#archives.add(log);
    for (const log of plan.settled) this.#archives.delete(log);
  }

  isArchive(log: number): boolean {
    return this.#archives.has(log);
  }

  /** Forgets the rows of `log` after `after`. */
  forget(log: number, after: number): void {
    const span = this.#spans.get(log);
    if (span === undefined || span.next <= after + 1) return;
    if (span.first > after) this.#spans.delete(log);
    else this.#spans.set(log, { first: span.first, next: after + 1 });
  }

  /** Returns the last staged sequence of `log`, 0 if none is staged. */
  lastOf(log: number): number {
    return (this.#spans.get(log)?.next ?? 1) - 1;
  }
}

function publish(to: Coverage["to"], base: number, present: Span | undefined): Span | undefined {
  const first = present?.first ?? base + 1;
  const next = present?.next ?? base + 1;
  if (first !== base + 1 || to.latest >= next) throw notHere(to.log, base + 1, to.latest);
  return to.latest + 1 < next ? { first: to.latest + 1, next } : undefined;
}

function stage(
  log: number,
  staged: Span | undefined,
  added: Span,
  latestOf: (log: number) => number,
): Span | undefined {
  const present = joined(log, staged, added);
  if (staged !== undefined) return present;
  const base = latestOf(log);
  if (added.first !== base + 1) throw notHere(log, base + 1, added.first - 1);
  return present;
}

function joined(log: number, staged: Span | undefined, added: Span | undefined): Span | undefined {
  if (staged === undefined || added === undefined) return staged ?? added;
  if (added.first !== staged.next) throw notHere(log, staged.next, added.first - 1);
  return { first: staged.first, next: added.next };
}

function spansOf(rows: readonly RowPosition[]): Map<number, Span> {
  const nexts = new Map<number, { first: number; next: number }>();
  let log = -1;
  let span: { first: number; next: number } | undefined;
  for (const row of rows) {
    if (row.log !== log || span === undefined) {
      log = row.log;
      span = nexts.get(log);
    }
    if (span === undefined) {
      span = { first: row.sequence, next: row.sequence };
      nexts.set(log, span);
    }
    if (row.sequence !== span.next) throw notHere(log, span.next, row.sequence - 1);
    span.next += 1;
  }
  return nexts;
}

function notHere(log: number, first: number, last: number): StoreError {
  return new StoreError(
    "closed",
    `Cannot commit to log ${log}: rows ${first} to ${last} were not written since this store was opened; ` +
      "read the head again and write them again",
  );
}
