import type { LedgerError } from "../core/errors.ts";
import { type CommitExtras, joinExtras } from "./commit-extras.ts";
import type { ContextState } from "./context-state.ts";
import type { Commit, Head, HeadChange, NewRow } from "./ports.ts";

/** Something that is written whole or not at all, in the order of the queue. */
export interface Unit {
  /** The context whose head it moves; undefined for rows that no head names yet. */
  readonly state: ContextState | undefined;
  /** What it holds of the queue's bounds. */
  readonly entries: number;
  readonly bytes: number;
  /**
   * Decides what to write, on top of `state.planned`. Called when the unit is queued, and again
   * whenever a commit before it failed. Throws LedgerError, having changed nothing, to leave the queue.
   */
  plan(): void;
  /** The rows of the last plan. */
  rows(): readonly NewRow[];
  /** The context's head after this unit; undefined if it does not move it. */
  headAfter(): Head | undefined;
  /** What else to write; called once the unit is in a batch. */
  extras?(): CommitExtras;
  /**
   * The sequence that must be committed before the unit is answered, for contexts that other nodes keep too; undefined if
   * this node's disk is enough.
   */
  answeredAt?(): number | undefined;
  /** Called once when everything is on this node's disk, before anybody is told or anything else is written. Must not throw. */
  written?(): void;
  /** Called once when everything is on disk, after `state.head` has moved; for shared contexts, on enough disks. */
  committed(): void;
  /** Called once if nothing was written, or nobody knows. */
  failed(error: LedgerError): void;
}

/** What one commit does to one context. */
export interface Change {
  to: Head;
  readonly rows: NewRow[];
}

export type Changes = ReadonlyMap<ContextState, Change>;

export interface Gathered {
  readonly commit: Commit;
  /** What rows do to each context. */
  readonly changes: Changes;
  /** The head that each context has afterwards, of those whose head moves in any way. */
  readonly after: ReadonlyMap<ContextState, Head | undefined>;
}

/** Returns what a batch of units writes, in their order, and what that does to each context. */
export function gather(batch: readonly Unit[]): Gathered {
  const rows: NewRow[] = [];
  const changes = new Map<ContextState, Change>();
  const all: CommitExtras[] = [];
  for (const unit of batch) {
    if (unit.extras !== undefined) all.push(unit.extras());
    const added = unit.rows();
    for (const row of added) rows.push(row);
    const to = unit.headAfter();
    if (unit.state === undefined || to === undefined) continue;
    const change = changes.get(unit.state);
    if (change === undefined) changes.set(unit.state, { to, rows: [...added] });
    else {
      change.to = to;
      for (const row of added) change.rows.push(row);
    }
  }
  const extras = joinExtras(all);
  const left = leftBy(extras);
  const heads: HeadChange[] = [];
  const after = new Map<ContextState, Head | undefined>();
  for (const { state } of batch)
    if (state !== undefined && left.has(state.id)) after.set(state, left.get(state.id));
  for (const [state, { to }] of changes) {
    const from = left.has(state.id) ? left.get(state.id) : state.local;
    heads.push({ contextId: state.id, from, to });
    after.set(state, to);
  }
  return { commit: { rows, heads, ...extras }, changes, after };
}

/** Returns what truncations and drops, which go first, leave of heads. */
function leftBy({ truncations, drops }: CommitExtras): ReadonlyMap<string, Head | undefined> {
  const left = new Map<string, Head | undefined>();
  for (const { contextId, to } of truncations ?? []) left.set(contextId, to);
  for (const { contextId } of drops ?? []) left.set(contextId, undefined);
  return left;
}
