import type { MemberChange } from "../core/member.ts";

/**
 * Changes that one watcher has not been told of, one for each member. It holds at most the members there are and those
 * that the watcher knows of, however long it does not take any.
 */
export class PendingChanges {
  /** In the order in which they are told. */
  readonly #changes = new Map<string, MemberChange>();
  /** Names that the watcher was told of, and not that they are forgotten. */
  readonly #known: Set<string>;

  /** `known` are the members that the watcher hears of otherwise. */
  constructor(known: readonly string[]) {
    this.#known = new Set(known);
  }

  put(change: MemberChange): void {
    const { name } = change.member;
    const earlier = this.#changes.get(name);
    this.#changes.delete(name);
    // Who never heard of it need not hear that it is no more.
    if (change.kind === "forgotten" && !this.#known.has(name)) return;
    this.#changes.set(name, earlier === undefined ? change : joined(earlier, change));
  }

  /** Returns the oldest change, which the watcher is then told of; undefined if there is none. */
  take(): MemberChange | undefined {
    const [change] = this.#changes.values();
    if (change === undefined) return undefined;
    const { name } = change.member;
    this.#changes.delete(name);
    if (change.kind === "forgotten") this.#known.delete(name);
    else this.#known.add(name);
    return change;
  }
}

/** That a member says something else about itself is part of any other change. */
function joined(earlier: MemberChange, later: MemberChange): MemberChange {
  return later.kind === "updated" ? { kind: earlier.kind, member: later.member } : later;
}
