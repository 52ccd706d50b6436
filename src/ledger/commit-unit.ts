import type { LedgerError } from "../core/errors.ts";
import type { ContextState } from "./context-state.ts";
import type { Commit, Head, HeadChange, NewRow, RosterChange } from "./ports.ts";

/** What a unit writes beside rows and heads. */
export type CommitExtras = Omit<Commit, "rows" | "heads">;

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

/** Returns what a batch of units writes, in their order, and what that does to each context. */
export function gather(batch: readonly Unit[]): { commit: Commit; changes: Changes } {
  const rows: NewRow[] = [];
  const changes = new Map<ContextState, Change>();
  let extras: CommitExtras = {};
  for (const unit of batch) {
    if (unit.extras !== undefined) extras = joined(extras, unit.extras());
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
  const heads: HeadChange[] = [];
  for (const [state, { to }] of changes) heads.push({ contextId: state.id, from: state.local, to });
  return { commit: { rows, heads, ...extras }, changes };
}

/** Returns whether a commit writes nothing. */
export function isEmpty(commit: Commit): boolean {
  const { rows, heads, subtrees, signed, logged, damage, roster, gossipIncarnation } = commit;
  if (rows.length > 0 || heads.length > 0 || gossipIncarnation !== undefined) return false;
  const lists = [subtrees, signed, logged, damage, roster?.put, roster?.remove];
  return lists.every((list) => (list ?? []).length === 0);
}

/** Returns what has the effect of `a` and then `b`. */
function joined(a: CommitExtras, b: CommitExtras): CommitExtras {
  const roster = joinedRoster(a.roster, b.roster);
  const incarnations = [a.gossipIncarnation, b.gossipIncarnation].filter((one) => one !== undefined);
  return {
    subtrees: [...(a.subtrees ?? []), ...(b.subtrees ?? [])],
    signed: [...(a.signed ?? []), ...(b.signed ?? [])],
    logged: [...(a.logged ?? []), ...(b.logged ?? [])],
    damage: [...(a.damage ?? []), ...(b.damage ?? [])],
    ...(roster === undefined ? {} : { roster }),
    ...(incarnations.length === 0 ? {} : { gossipIncarnation: Math.max(...incarnations) }),
  };
}

/** What a change removes goes before anything is put, so what `b` removes must not be put by `a`. */
function joinedRoster(a: RosterChange | undefined, b: RosterChange | undefined): RosterChange | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const gone = new Set(b.remove);
  return {
    put: [...a.put.filter(({ nodeId }) => !gone.has(nodeId)), ...b.put],
    remove: [...a.remove, ...b.remove],
  };
}
