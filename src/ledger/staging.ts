import { LedgerError } from "../core/errors.ts";
import type { LoadedEntry } from "../core/snapshot/snapshot-entry.ts";
import type { Unit } from "./commit-unit.ts";
import type { Committer } from "./committer.ts";
import type { Clock, NewRow, Store } from "./ports.ts";
import { StoreError } from "./ports.ts";

/** Rows of one staging commit, at most. */
const stageEntriesMax = 4000;
const stageBytesMax = 4 * 1024 * 1024;
/** How long a load waits for room in the queue before it gives up. */
const roomMsMax = 30_000;
const roomRetryMs = 10;
/** For an hour; what is left then is deleted after the next start. */
const discardTriesMax = 3600;
const discardRetryMs = 1000;

/** `id` only if the entry must be found by it. */
export type StagedEntry = Pick<LoadedEntry, "sequence" | "key" | "contentHash" | "wire"> & {
  readonly id: string | undefined;
};

/** A log in the making: rows that no head names yet, written through the ordinary commits. */
export class Staging {
  readonly #store: Store;
  readonly #committer: Committer;
  readonly #clock: Clock;
  /** The log that the rows are of. */
  readonly log: number;
  #rows: NewRow[] = [];
  #rowBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #begun = false;
  #published = false;

  /** Continues `log` after its newest row, if one is given; else begins a log of its own. */
  constructor(parts: { store: Store; committer: Committer; clock: Clock }, log?: number) {
    this.#store = parts.store;
    this.#committer = parts.committer;
    this.#clock = parts.clock;
    this.log = log ?? parts.store.newLog();
  }

  /** Adds the next entries; waits while the commit before the one they complete is under way. */
  async add(entries: readonly StagedEntry[]): Promise<void> {
    for (const { sequence, id, key, contentHash, wire } of entries) {
      this.#rows.push({ log: this.log, sequence, key, contentHash, wire, findableId: id });
      this.#rowBytes += wire.length;
      if (this.#rows.length >= stageEntriesMax || this.#rowBytes >= stageBytesMax) await this.#write();
    }
  }

  /** Resolves when all rows are on disk. */
  async flush(): Promise<void> {
    await this.#write();
    await this.#writing;
  }

  /** A head names this log now; the one it took the place of is deleted in the background. */
  published(replacedLog: number | undefined): void {
    this.#published = true;
    if (replacedLog !== undefined) void this.#discard(replacedLog);
  }

  discardUnlessPublished(): void {
    if (this.#published || !this.#begun) return;
    void this.#writing.catch(() => {}).then(() => this.#discard(this.log));
  }

  /** Hands the collected rows to the committer once those before are on disk. */
  async #write(): Promise<void> {
    await this.#writing;
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    const bytes = this.#rowBytes;
    this.#rows = [];
    this.#rowBytes = 0;
    this.#begun = true;
    this.#writing = this.#stage(rows, bytes);
    // A failure is reported to the next call; until then it is not an unhandled rejection.
    this.#writing.catch(() => {});
  }

  async #stage(rows: readonly NewRow[], bytes: number): Promise<void> {
    const giveUpMs = this.#clock.monotonicMs() + roomMsMax;
    for (;;) {
      try {
        return await new Promise<void>((resolve, reject) => {
          this.#committer.enqueue(new StageUnit(rows, bytes, resolve, reject));
        });
      } catch (error) {
        const full = error instanceof LedgerError && error.facts.reason === "OVERLOADED";
        if (!full || this.#clock.monotonicMs() >= giveUpMs) throw error;
      }
      await new Promise<void>((resolve) => this.#clock.after(roomRetryMs, resolve));
    }
  }

  /**
   * Deletes all rows of a log that no head names. A disk that is full may not even have room for that, so it is
   * tried again; a store that was closed finds such rows itself when it is opened.
   */
  async #discard(log: number): Promise<void> {
    for (let tries = 0; tries < discardTriesMax; tries += 1) {
      try {
        while (await this.#store.discard(log, 0)) await this.#clock.yield();
        return;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (error.failure !== "full" && error.failure !== "io") return;
      }
      await new Promise<void>((resolve) => this.#clock.after(discardRetryMs, resolve));
    }
  }
}

/** Rows that move no head. */
class StageUnit implements Unit {
  readonly state = undefined;
  readonly entries: number;

  constructor(
    readonly stagedRows: readonly NewRow[],
    readonly bytes: number,
    readonly resolve: () => void,
    readonly reject: (error: LedgerError) => void,
  ) {
    this.entries = stagedRows.length;
  }

  plan(): void {}

  rows(): readonly NewRow[] {
    return this.stagedRows;
  }

  headAfter(): undefined {
    return undefined;
  }

  committed(): void {
    this.resolve();
  }

  failed(error: LedgerError): void {
    this.reject(error);
  }
}
