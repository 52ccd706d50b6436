import { LedgerError, quote } from "../core/errors.ts";
import type { Unit } from "./commit-unit.ts";
import type { ContextState } from "./context-state.ts";
import type { Head, Replica, StoredEntry } from "./ports.ts";

/** Entries that are stored here and not yet committed, as far as they are kept for watchers. */
const freshEntriesMax = 4096;
const freshBytesMax = 8 * 1024 * 1024;

/** Knows which holders have which entries. */
export interface CopyCounts {
  readonly holders: readonly string[];
  copiesOf(sequence: number): number;
}

/** Learns what happens to a context that several nodes keep. Must not throw. */
export interface SharedContextObserver {
  /** Entries up to `local.latest` are on this node's disk; `rows` are the new ones, if they are at hand. */
  stored(state: ContextState, rows: readonly StoredEntry[] | undefined): void;
}

/** Learns what can be seen of a context that several nodes keep. Must not throw. */
export interface SharedContextViewer {
  /** More can be seen: the new entries, or none if they are not at hand. */
  visible(state: ContextState, rows: readonly StoredEntry[]): void;
  /** Entries after `after` that could be seen are gone. */
  cut(state: ContextState, after: number): void;
}

interface Held {
  readonly unit: Unit;
  readonly through: number;
}

/**
 * What becomes of the entries of one context that several nodes keep: stored here first, seen and acknowledged once enough
 * holders have them. It decides nothing about that: replication tells it.
 */
export class SharedContext {
  /** What this node has promised and accepted, as it was written last or is being written. */
  replica: Replica;
  /** True if this node gives new entries their place: it is the context's home, under an epoch of its own. */
  isWritable = false;
  /** True while the home lets nothing new in for a moment; what is queued goes on. */
  isPaused = false;
  /** Set once this node has become the home; when it is none any more, what it knew last. */
  counts: CopyCounts | undefined;
  readonly #state: ContextState;
  readonly #observer: SharedContextObserver;
  readonly #viewer: SharedContextViewer;
  readonly #held: Held[] = [];
  /** Entries that follow `state.head`, without gaps, if they are all known. */
  #fresh: StoredEntry[] | undefined = [];
  #freshBytes = 0;
  #settling: (() => void)[] = [];
  /** What could be seen before entries were hidden that are about to be taken out. */
  #hidden: number | undefined;

  constructor(parts: {
    state: ContextState;
    replica: Replica;
    observer: SharedContextObserver;
    viewer: SharedContextViewer;
  }) {
    this.#state = parts.state;
    this.replica = parts.replica;
    this.#observer = parts.observer;
    this.#viewer = parts.viewer;
    const { local } = parts.state;
    parts.state.head = visibleHead(local, parts.replica.committed);
    if (parts.state.head?.latest !== local?.latest) this.#fresh = undefined;
  }

  /** Throws UNAVAILABLE unless this node decides what comes next. */
  checkWritable(): void {
    if (this.isWritable && !this.isPaused) return;
    throw new LedgerError(
      "UNAVAILABLE",
      `this node is not the one that takes entries of context ${quote(this.#state.id)}`,
      { reason: "NOT_HOME", field: "context_id", remedy: "try again", retryAfterMs: 100 },
    );
  }

  /** The local head has moved; `rows` are the entries in between, unless the log was replaced or cut. */
  stored(rows: readonly StoredEntry[] | undefined): void {
    if (rows === undefined) this.#fresh = undefined;
    else this.#keep(rows);
    const { local, head } = this.#state;
    const latest = local?.latest ?? 0;
    if (latest < (this.#hidden ?? head?.latest ?? 0)) this.#lost(latest);
    // Another log with the same entries and more: what can be seen is in it too.
    else if (head !== undefined && local !== undefined && head.log !== local.log)
      this.#state.head = visibleHead(local, head.latest);
    this.#observer.stored(this.#state, rows);
  }

  /** Answers a unit that is on this node's disk once `through` is committed; at once if this node cannot know that. */
  hold(unit: Unit, through: number): void {
    if (through <= (this.#state.head?.latest ?? 0)) return unit.committed();
    if (!this.isWritable) return unit.failed(outcomeUnknown(this.#state.id));
    this.#state.pins += 1;
    this.#held.push({ unit, through });
  }

  /** Returns how many holders are known to have an entry: who is not the home knows of itself. */
  copiesOf(sequence: number): number {
    return this.counts?.copiesOf(sequence) ?? 1;
  }

  /** How many nodes are meant to have each entry: of those that {@link copiesOf} counts. */
  get holders(): number {
    return (this.counts?.holders ?? this.replica.holders).length;
  }

  /** True while somebody waits for other nodes. */
  get isAwaited(): boolean {
    return this.#held.length > 0;
  }

  /**
   * Entries after `after` are about to be taken out: until that is done or has failed, nobody sees them any more. Returns if
   * anybody could.
   */
  hide(after: number): boolean {
    const { head, local } = this.#state;
    if (head === undefined || head.latest <= after) return false;
    this.#hidden ??= head.latest;
    this.#state.cuts += 1;
    this.#state.tree = undefined;
    this.#state.head = visibleHead(local, after);
    this.#viewer.visible(this.#state, []);
    return true;
  }

  /** What is on the disk is known: entries that were hidden and not taken out are seen again. */
  known(): void {
    const hidden = this.#hidden;
    if (hidden === undefined) return;
    this.#hidden = undefined;
    this.#state.head = visibleHead(this.#state.local, hidden);
    this.#viewer.visible(this.#state, []);
  }

  /** The entries after `after` are gone from the disk. They were never seen, unless a fork took them. */
  cut(after: number): void {
    this.#fresh = undefined;
    this.#freshBytes = 0;
    const { head, local } = this.#state;
    const seen = this.#hidden ?? head?.latest ?? 0;
    this.#hidden = undefined;
    this.#state.head = visibleHead(local, Math.min(seen, after));
    if (seen <= after) return;
    this.#state.cuts += 1;
    this.#state.tree = undefined;
    this.#viewer.cut(this.#state, after);
  }

  /** Lets everything up to `through` be seen, as far as this node has it, and answers who waits for it. */
  commit(through: number): void {
    if (this.#hidden !== undefined) return;
    const before = this.#state.head?.latest ?? 0;
    const to = Math.min(through, this.#state.local?.latest ?? 0);
    if (to <= before) return;
    const rows = this.#take(before, to);
    this.#state.head = visibleHead(this.#state.local, to);
    if (rows.length > 0) this.#state.tree?.advanced(rows);
    else this.#state.tree = undefined;
    this.#viewer.visible(this.#state, rows);
    const ready = this.#held.filter((held) => held.through <= to);
    if (ready.length === 0) return;
    this.#held.splice(0, this.#held.length, ...this.#held.filter((held) => held.through > to));
    for (const { unit } of ready) {
      this.#state.pins -= 1;
      unit.committed();
    }
  }

  /** Answers everybody who waits with an error: nobody knows if their entries will be committed. */
  fail(error: LedgerError): void {
    for (const { unit } of this.#held.splice(0)) {
      this.#state.pins -= 1;
      unit.failed(error);
    }
  }

  /** Resolves when nothing of this context is queued for the disk. */
  idle(): Promise<void> {
    if (this.#state.queuedUnits === 0) return Promise.resolve();
    return new Promise((resolve) => this.#settling.push(resolve));
  }

  /** Nothing of this context is queued any more. */
  settled(): void {
    const waiting = this.#settling;
    this.#settling = [];
    for (const resolve of waiting) resolve();
  }

  /** There turned out to be less on the disk than could be seen. */
  #lost(latest: number): void {
    if (this.replica.committed > latest)
      this.replica = { ...this.replica, committed: latest, digestItem: undefined };
    this.cut(latest);
  }

  #keep(rows: readonly StoredEntry[]): void {
    if (this.#fresh === undefined) return;
    for (const row of rows) {
      this.#fresh.push(row);
      this.#freshBytes += row.wire.length;
    }
    if (this.#fresh.length <= freshEntriesMax && this.#freshBytes <= freshBytesMax) return;
    this.#fresh = undefined;
    this.#freshBytes = 0;
  }

  /** Returns the entries after `before` up to `to`; none if they are not at hand. */
  #take(before: number, to: number): readonly StoredEntry[] {
    const fresh = this.#fresh;
    const isCaughtUp = to === (this.#state.local?.latest ?? 0);
    if (fresh === undefined || fresh[0]?.sequence !== before + 1) {
      if (isCaughtUp) this.#restart();
      return [];
    }
    const rows = fresh.splice(0, to - before);
    for (const row of rows) this.#freshBytes -= row.wire.length;
    return rows.length === to - before ? rows : [];
  }

  /** Everything stored can be seen: what comes next is known from the beginning. */
  #restart(): void {
    this.#fresh = [];
    this.#freshBytes = 0;
  }
}

/** Returns the head of the first `committed` entries of a log that has more. */
export function visibleHead(local: Head | undefined, committed: number): Head | undefined {
  if (local === undefined || committed === 0) return undefined;
  return local.latest <= committed ? local : { ...local, latest: committed };
}

/** The entry is on this node's disk, and this node is not the one any more that knows what becomes of it. */
function outcomeUnknown(contextId: string): LedgerError {
  const text = `this node has stopped to take entries of context ${quote(contextId)}; the entry may or may not stand`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "OUTCOME_UNKNOWN", field: "context_id", value: contextId.slice(0, 64) },
    ...{ remedy: "try again with the same idempotency_key", retryAfterMs: 200 },
  });
}
