import type { Commit, Replica, RosterChange } from "./ports.ts";

/** What a unit writes beside rows and heads. */
export type CommitExtras = Omit<Commit, "rows" | "heads">;

/** Returns whether a commit writes nothing. */
export function isEmpty(commit: Commit): boolean {
  const { rows, heads, roster, gossipIncarnation, ...lists } = commit;
  if (gossipIncarnation !== undefined) return false;
  const all = [rows, heads, roster?.put, roster?.remove, ...Object.values(lists)];
  return all.every((list) => (list ?? []).length === 0);
}

/** Returns what has the effect of all of them, one after the other. */
export function joinExtras(all: readonly CommitExtras[]): CommitExtras {
  const [first, ...others] = all;
  if (others.length === 0) return first ?? {};
  const dropped = droppedLater(all);
  // A drop goes before everything else of its context, so what came before it must not be written.
  const lasting = <T extends { readonly contextId: string }>(
    list: readonly T[] | undefined,
    index: number,
  ): T[] => (list ?? []).filter(({ contextId }) => (dropped.get(contextId) ?? -1) <= index);
  const replicas = new Map<string, Replica>();
  for (const [index, extras] of all.entries())
    for (const replica of lasting(extras.replicas, index)) replicas.set(replica.contextId, replica);
  const roster = all.map((extras) => extras.roster).reduce(joinedRoster);
  const incarnations = all.flatMap(({ gossipIncarnation: one }) => (one === undefined ? [] : [one]));
  return {
    repairs: all.flatMap(({ repairs }) => repairs ?? []),
    subtrees: all.flatMap(({ subtrees }) => subtrees ?? []),
    signed: all.flatMap(({ signed }, index) => lasting(signed, index)),
    logged: all.flatMap(({ logged }, index) => lasting(logged, index)),
    damage: all.flatMap(({ damage }) => damage ?? []),
    replicas: [...replicas.values()],
    truncations: all.flatMap(({ truncations }) => truncations ?? []),
    drops: all.flatMap(({ drops }) => drops ?? []),
    settled: all.flatMap(({ settled }) => settled ?? []),
    forks: all.flatMap(({ forks }) => forks ?? []),
    ...(roster === undefined ? {} : { roster }),
    ...(incarnations.length === 0 ? {} : { gossipIncarnation: Math.max(...incarnations) }),
  };
}

/** Returns the index of the last of all that drops each context. */
function droppedLater(all: readonly CommitExtras[]): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const [index, { drops }] of all.entries())
    for (const { contextId } of drops ?? []) last.set(contextId, index);
  return last;
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
