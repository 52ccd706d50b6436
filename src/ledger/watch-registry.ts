import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { ContextState } from "./context-state.ts";
import type { Clock, ReadRange, StoredEntry } from "./ports.ts";
import { Tail } from "./tail.ts";
import { type WatchOptions, type WatchSink, Watcher } from "./watcher.ts";

/** The watchers of one context and the entries they share. */
interface Group {
  readonly state: ContextState;
  readonly watchers: Set<Watcher>;
  readonly tail: Tail;
}

/** How long watchers are served before the event loop gets a turn. */
const sliceMs = 2;
const watchersPerClockLook = 16;

/**
 * Who watches what. Commits announce themselves with `advanced`; watchers are woken in the next turn of the
 * event loop, so that entries of one moment travel together. A watcher is forgotten the moment it is closed.
 */
export class WatchRegistry {
  readonly #clock: Clock;
  readonly #read: (state: ContextState, range: Omit<ReadRange, "log">) => Promise<StoredEntry[]>;
  /** By context; the ones whose tail grew last are at the end. */
  readonly #groups = new Map<ContextState, Group>();
  readonly #dirty = new Set<Group>();
  #flushing = false;
  #watchers = 0;
  #tailBytes = 0;

  constructor(parts: {
    clock: Clock;
    read: (state: ContextState, range: Omit<ReadRange, "log">) => Promise<StoredEntry[]>;
  }) {
    this.#clock = parts.clock;
    this.#read = parts.read;
  }

  /** How many watch, and how many of those have not been sent everything. O(watchers). */
  counts(): { readonly watchers: number; readonly contexts: number; readonly lagging: number } {
    let lagging = 0;
    for (const { watchers } of this.#groups.values())
      for (const watcher of watchers) if (watcher.lagging) lagging += 1;
    return { watchers: this.#watchers, contexts: this.#groups.size, lagging };
  }

  /** How many watch one context. */
  watchersOf(state: ContextState): number {
    return this.#groups.get(state)?.watchers.size ?? 0;
  }

  /**
   * Begins a watch after `cursor` and returns it asleep: the caller wakes it when its sink is ready.
   * Throws RESOURCE_EXHAUSTED if there are too many.
   */
  subscribe(parts: {
    state: ContextState;
    cursor: number;
    options: WatchOptions;
    sink: WatchSink;
    rebase?: ((sequence: number) => Promise<void>) | undefined;
  }): Watcher {
    if (this.#watchers >= limits.watchersMax) {
      throw new LedgerError("RESOURCE_EXHAUSTED", `the server has ${this.#watchers} watchers`, {
        reason: "TOO_MANY_WATCHERS",
        value: this.#watchers,
        limit: limits.watchersMax,
        remedy: "watch fewer contexts, or retry when others have ended",
        retryAfterMs: 1000,
      });
    }
    const { state } = parts;
    const group = this.#groups.get(state) ?? { state, watchers: new Set(), tail: new Tail() };
    this.#groups.set(state, group);
    const watcher = new Watcher({
      ...parts,
      world: {
        clock: this.#clock,
        tail: group.tail,
        read: this.#read,
        rebase: parts.rebase,
        forget: (gone) => this.#forget(group, gone),
      },
    });
    group.watchers.add(watcher);
    this.#watchers += 1;
    state.pins += 1;
    return watcher;
  }

  /** The context has a new head. `rows` are the entries that made it, or none if they are not at hand. */
  advanced(state: ContextState, rows: readonly StoredEntry[]): void {
    const group = this.#groups.get(state);
    if (group === undefined) return;
    this.#tailBytes -= group.tail.bytes;
    if (rows.length > 0) group.tail.push(rows);
    else group.tail.clear();
    this.#tailBytes += group.tail.bytes;
    this.#groups.delete(state);
    this.#groups.set(state, group);
    this.#dropOldTails();
    this.#dirty.add(group);
    if (!this.#flushing) void this.#flush();
  }

  /** Entries after `after` that could be seen lost their place. */
  truncated(state: ContextState, after: number): void {
    for (const watcher of this.#groups.get(state)?.watchers ?? []) watcher.truncated(after);
    this.advanced(state, []);
  }

  /** Ends every watch of one context with `error`. */
  endOf(state: ContextState, error: LedgerError): void {
    for (const watcher of [...(this.#groups.get(state)?.watchers ?? [])]) watcher.end(error);
  }

  /** Ends every watch with `error`. */
  endAll(error: LedgerError): void {
    for (const { watchers } of [...this.#groups.values()])
      for (const watcher of [...watchers]) watcher.end(error);
  }

  #forget(group: Group, watcher: Watcher): void {
    if (!group.watchers.delete(watcher)) return;
    this.#watchers -= 1;
    group.state.pins -= 1;
    if (group.watchers.size > 0) return;
    this.#tailBytes -= group.tail.bytes;
    this.#groups.delete(group.state);
    this.#dirty.delete(group);
  }

  #dropOldTails(): void {
    for (const { tail } of this.#groups.values()) {
      if (this.#tailBytes <= limits.tailBytesMax) return;
      this.#tailBytes -= tail.bytes;
      tail.clear();
    }
  }

  /** Wakes the watchers of every dirty context, giving the event loop a turn every few milliseconds. */
  async #flush(): Promise<void> {
    this.#flushing = true;
    await this.#clock.yield();
    let sliceEnds = this.#clock.monotonicMs() + sliceMs;
    let served = 0;
    for (const group of this.#dirty) {
      this.#dirty.delete(group);
      for (const watcher of group.watchers) {
        watcher.wake();
        served += 1;
        if (served % watchersPerClockLook !== 0 || this.#clock.monotonicMs() < sliceEnds) continue;
        await this.#clock.yield();
        sliceEnds = this.#clock.monotonicMs() + sliceMs;
      }
    }
    this.#flushing = false;
  }
}
