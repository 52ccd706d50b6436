import { assert } from "../core/assert.ts";
import type { Head } from "../ledger/ports.ts";

type Base = Pick<Head, "log" | "latest">;

/** What a commit takes out of logs. */
export interface Removals {
  /** What is covered now of each log whose covered rows became fewer; all rows beyond have left it. */
  readonly cuts: ReadonlyMap<number, number>;
  /** Logs whose rows are all to be discarded. */
  readonly dropped: readonly number[];
  /** Logs that rows were moved to, for good. */
  readonly archived: readonly number[];
  /** Logs that may be archives, whose rows are all to be discarded. */
  readonly settled: readonly number[];
}

export const noRemovals: Removals = { cuts: new Map(), dropped: [], archived: [], settled: [] };

/** Works out what truncations, drops and settled archives do to logs, in this order. */
export function removalsOf(commit: {
  readonly truncations?: readonly {
    readonly from: Base;
    readonly to: Base | undefined;
    readonly archive: number;
  }[];
  readonly drops?: readonly { readonly from: Base | undefined }[];
  readonly settled?: readonly number[];
}): Removals {
  const { truncations = [], drops = [], settled = [] } = commit;
  if (truncations.length === 0 && drops.length === 0 && settled.length === 0) return noRemovals;
  const cuts = new Map<number, number>();
  for (const { from, to, archive } of truncations) {
    assert(to === undefined || to.log === from.log, "a truncation keeps the log");
    assert(
      to === undefined || (to.latest >= 1 && to.latest < from.latest),
      "a truncation leaves fewer entries",
    );
    assert(archive !== from.log, "an archive has a log of its own");
    cuts.set(from.log, to?.latest ?? 0);
  }
  const archived = truncations.map(({ archive }) => archive);
  assert(new Set(archived).size === archived.length, "an archive has a log of its own");
  const dropped = drops.flatMap(({ from }) => (from === undefined ? [] : [from.log]));
  for (const log of dropped) cuts.set(log, 0);
  return { cuts, dropped, archived, settled };
}
