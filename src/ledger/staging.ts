import { encodeEntry } from "../core/entry-wire.ts";
import { type Entry, entryBytes } from "../core/entry.ts";
import { LedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hasher.ts";
import type { Unit } from "./commit-unit.ts";
import type { Committer } from "./committer.ts";
import type { Clock, Head, NewRow, Store } from "./ports.ts";
import { StoreError } from "./ports.ts";

/** Rows of one staging commit, at most. */
const stageEntriesMax = 2000;
const stageBytesMax = 4 * 1024 * 1024;
/** How long a load waits for room in the queue before it gives up. */
const roomMsMax = 30_000;
const roomRetryMs = 10;

/** A log in the making: rows that no head names yet, written through the ordinary commits. */
export class Staging {
  readonly #store: Store;
  readonly #committer: Committer;
  readonly #clock: Clock;
  readonly #log: number;
  #rows: NewRow[] = [];
  #rowBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #begun = false;
  #published = false;
  #latest = 0;
  #lamport = 0n;
  #appendedAtNs = 0n;
  #bytes = 0;

  constructor(parts: { store: Store; committer: Committer; clock: Clock }) {
    this.#store = parts.store;
    this.#committer = parts.committer;
    this.#clock = parts.clock;
    this.#log = parts.store.newLog();
  }

  /** Adds the next entry; waits when the commit before is still under way. */
  async add(entry: Entry, contentHash: Hash): Promise<void> {
    const wire = encodeEntry(entry);
    this.#rows.push({
      log: this.#log,
      sequence: entry.sequence,
      key: entry.key,
      contentHash,
      wire,
      findableId: entry.id,
    });
    this.#rowBytes += wire.length;
    this.#latest = entry.sequence;
    if (entry.lamport > this.#lamport) this.#lamport = entry.lamport;
    if (entry.appendedAtNs > this.#appendedAtNs) this.#appendedAtNs = entry.appendedAtNs;
    this.#bytes += entryBytes(entry);
    if (this.#rows.length >= stageEntriesMax || this.#rowBytes >= stageBytesMax) await this.#write();
  }

  /** Resolves when all rows are on disk, with what the head of this log is to be. */
  async flush(): Promise<Omit<Head, "createdAtNs">> {
    await this.#write();
    await this.#writing;
    return {
      log: this.#log,
      latest: this.#latest,
      lamport: this.#lamport,
      appendedAtNs: this.#appendedAtNs,
      bytes: this.#bytes,
    };
  }

  /** A head names this log now; the one it took the place of is deleted in the background. */
  published(replacedLog: number | undefined): void {
    this.#published = true;
    if (replacedLog !== undefined) void this.#discard(replacedLog);
  }

  discardUnlessPublished(): void {
    if (this.#published || !this.#begun) return;
    void this.#writing.catch(() => {}).then(() => this.#discard(this.#log));
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

  /** Deletes all rows of a log that no head names; what a failing store leaves, it finds itself later. */
  async #discard(log: number): Promise<void> {
    try {
      while (await this.#store.discard(log, 0)) await this.#clock.yield();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
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
