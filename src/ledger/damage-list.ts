/**
 * What is known to be damaged: entries by log and sequence, marked in the store so that a restart knows them too,
 * and whole contexts, known until they verify again.
 *
 * @module
 */

import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { Committer } from "./committer.ts";
import { commitExtras } from "./extras-unit.ts";
import type { DamageObserver } from "./observer.ts";
import { type DamageMark, type Store, StoreError } from "./ports.ts";

/** What readers ask before each page; costs nothing while nothing is damaged. */
export interface KnownDamage {
  /** False until `load` has read the marks of earlier runs. */
  readonly isLoaded: boolean;
  load(): Promise<void>;
  /** Returns the first damaged sequence of a log, `after` exclusive, `through` inclusive. */
  first(log: number, after: number, through: number): number | undefined;
}

export interface FoundEntry {
  readonly sequence: number;
  readonly detail: string;
}

/** What is known to be damaged of one log. */
export interface DamagedLog {
  /** Undefined if it was damaged before this process began, and nobody has verified it since. */
  readonly contextId: string | undefined;
  readonly log: number;
  /** Ascending. */
  readonly sequences: readonly number[];
}

/** Marks of one commit, at most. */
const marksPerCommitMax = 4096;

export class DamageList implements KnownDamage {
  readonly #store: Pick<Store, "damaged">;
  readonly #committer: Committer;
  readonly #observer: DamageObserver;
  /** Ascending sequences by log. */
  readonly #byLog = new Map<number, number[]>();
  #entries = 0;
  /** Found when the list was full. */
  #unlisted = 0;
  /** What is wrong above the entries, by context id; undefined for what belongs to none. */
  readonly #troubles = new Map<string | undefined, string>();
  /** Whose logs those with damaged entries are, as far as that was told. */
  readonly #contextIds = new Map<number, string>();
  readonly #listeners = new Set<() => void>();
  /** Newest marks that are not known to be on disk. */
  readonly #unsaved = new Map<string, DamageMark>();
  #isLoaded = false;
  #loading: Promise<void> | undefined;

  constructor(parts: { store: Pick<Store, "damaged">; committer: Committer; observer: DamageObserver }) {
    this.#store = parts.store;
    this.#committer = parts.committer;
    this.#observer = parts.observer;
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** How many entries are damaged, and in how many contexts what stands above them. */
  get count(): number {
    return this.#entries + this.#unlisted + this.#troubles.size;
  }

  /** Logs with damaged entries. */
  get logs(): readonly number[] {
    return [...this.#byLog.keys()];
  }

  /** What is damaged of entries. */
  get byLog(): readonly DamagedLog[] {
    return [...this.#byLog].map(([log, sequences]) => ({
      ...{ contextId: this.#contextIds.get(log), log },
      sequences: [...sequences],
    }));
  }

  /** Contexts with damage above their entries. */
  get troubledContexts(): readonly string[] {
    return [...this.#troubles.keys()].filter((contextId) => contextId !== undefined);
  }

  /** Calls `listener` when damage was found that was not known, until the returned function is called. */
  onFound(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the marks of earlier runs unless that was done. Throws StoreError while the store is not open. */
  async load(): Promise<void> {
    if (this.#isLoaded) return;
    this.#loading ??= this.#read().finally(() => (this.#loading = undefined));
    await this.#loading;
  }

  first(log: number, after: number, through: number): number | undefined {
    if (this.#entries === 0) return undefined;
    const sequences = this.#byLog.get(log);
    const first = sequences?.[positionAfter(sequences, after)];
    return first !== undefined && first <= through ? first : undefined;
  }

  has(log: number, sequence: number): boolean {
    return this.first(log, sequence - 1, sequence) !== undefined;
  }

  /**
   * Takes what a verification has found of entries that follow each other: those that are damaged, and those that are
   * not. Resolves when the marks are on disk or cannot be written, in which case the next call tries again.
   */
  async verified(
    contextId: string,
    log: number,
    { damaged, intact }: { damaged: readonly FoundEntry[]; intact: readonly number[] },
  ): Promise<void> {
    if (damaged.length > 0) this.#contextIds.set(log, contextId);
    const added = damaged.filter(({ sequence }) => !this.has(log, sequence));
    for (const { sequence } of added) this.#add(log, sequence);
    const removed = this.#byLog.has(log) ? intact.filter((sequence) => this.#remove(log, sequence)) : [];
    const [first] = added;
    if (first !== undefined) this.#observer.found({ contextId, entries: added.length, ...first });
    const [healed] = removed;
    if (healed !== undefined) this.#observer.healed({ contextId, sequence: healed, entries: removed.length });
    for (const { sequence } of added) this.#note({ log, sequence, damaged: true });
    for (const sequence of removed) this.#note({ log, sequence, damaged: false });
    if (first !== undefined) this.#tell();
    await this.#save();
  }

  /** Takes what is wrong above the entries of a context; undefined if nothing is. */
  troubled(contextId: string | undefined, detail: string | undefined): void {
    const before = this.#troubles.get(contextId);
    if (detail === undefined) {
      this.#troubles.delete(contextId);
      if (before !== undefined) this.#observer.healed({ contextId, sequence: 0, entries: 0 });
      return;
    }
    if (before === undefined && this.#troubles.size >= limits.damagedEntriesMax) return;
    this.#troubles.set(contextId, detail);
    if (before !== undefined) return;
    this.#observer.found({ contextId, sequence: 0, entries: 0, detail });
    this.#tell();
  }

  /** Returns what is wrong above the entries of a context; undefined if nothing is known to be. */
  troubleOf(contextId: string): string | undefined {
    return this.#troubles.get(contextId);
  }

  /** Forgets a log that no context has any more. Resolves like `verified`. */
  async forget(log: number): Promise<void> {
    const sequences = this.#byLog.get(log) ?? [];
    this.#byLog.delete(log);
    this.#contextIds.delete(log);
    this.#entries -= sequences.length;
    for (const sequence of sequences) this.#note({ log, sequence, damaged: false });
    await this.#save();
  }

  /** Forgets how many did not fit: a scrub of everything has begun and counts them anew. */
  recount(): void {
    this.#unlisted = 0;
  }

  async #read(): Promise<void> {
    try {
      const marks = await this.#store.damaged(limits.damagedEntriesMax);
      for (const { log, sequence } of marks) this.#add(log, sequence);
    } catch (error) {
      // Entries must be readable even if the part of the file that lists the damaged ones is damaged itself.
      if (!(error instanceof StoreError) || error.failure !== "io") throw error;
      this.troubled(undefined, `the list of damaged entries cannot be read: ${error.message}`);
    }
    this.#isLoaded = true;
  }

  #add(log: number, sequence: number): void {
    if (this.has(log, sequence)) return;
    if (this.#entries >= limits.damagedEntriesMax) {
      this.#unlisted += 1;
      return;
    }
    const sequences = this.#byLog.get(log) ?? [];
    this.#byLog.set(log, sequences);
    sequences.splice(positionAfter(sequences, sequence), 0, sequence);
    this.#entries += 1;
  }

  #remove(log: number, sequence: number): boolean {
    const sequences = this.#byLog.get(log) ?? [];
    const position = positionAfter(sequences, sequence - 1);
    if (sequences[position] !== sequence) return false;
    sequences.splice(position, 1);
    if (sequences.length === 0) {
      this.#byLog.delete(log);
      this.#contextIds.delete(log);
    }
    this.#entries -= 1;
    return true;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #note(mark: DamageMark): void {
    const isListed = this.has(mark.log, mark.sequence);
    if (isListed === mark.damaged) this.#unsaved.set(`${mark.log}/${mark.sequence}`, mark);
  }

  async #save(): Promise<void> {
    while (this.#unsaved.size > 0) {
      const marks = [...this.#unsaved].slice(0, marksPerCommitMax);
      try {
        await commitExtras(this.#committer, { damage: marks.map(([, mark]) => mark) });
      } catch (error) {
        if (error instanceof LedgerError) return;
        throw error;
      }
      for (const [key, mark] of marks) if (this.#unsaved.get(key) === mark) this.#unsaved.delete(key);
    }
  }
}

/** Returns the index of the first of ascending numbers that is above `value`. */
function positionAfter(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
