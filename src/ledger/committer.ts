/**
 * Group commit: everything that arrives while one commit runs becomes the next, across contexts.
 * The only caller of `Store.commit`, and the only writer of `ContextState.local`.
 *
 * @module
 */

import type { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { Hasher } from "../core/hasher.ts";
import { isEmpty } from "./commit-extras.ts";
import { type Change, gather, type Gathered, type Unit } from "./commit-unit.ts";
import { completedSubtrees, completesSubtrees } from "./completed-subtrees.ts";
import type { ContextState } from "./context-state.ts";
import type { Clock, Commit, Head, Store, StoredEntry } from "./ports.ts";
import { StoreError } from "./ports.ts";
import { headMoved, overloaded } from "./queue-refusal.ts";
import { fromStoreError } from "./store-failure.ts";

/** Learns what commits did; called after each, before their units are answered. */
export interface CommitObserver {
  /** The context's committed head has moved; `rows` are its new entries, or none if its log was replaced. */
  advanced(state: ContextState, rows: readonly StoredEntry[]): void;
  measured(commit: { entries: number; bytes: number; syncSeconds: number; totalSeconds: number }): void;
}

/** From this many entries on a batch is handed to the store before the one written last is answered. */
const overlapEntriesMin = 256;

/** How long a failed commit counts if none follows: without load nobody learns that there is space again. */
const troubleMs = 30_000;

const diskReasons: ReadonlySet<string | undefined> = new Set(["DISK_FULL", "STORAGE_FAILED"]);

const nothing = (): void => {};

/** How long the committer waits for a restarted store to say whether a commit was written. */
const recoveryMsMax = 30_000;
const recoveryRetryMs = 20;

export class Committer {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #hasher: Hasher;
  readonly #observer: CommitObserver;
  #queue: Unit[] = [];
  #queuedEntries = 0;
  #queuedBytes = 0;
  #refused: LedgerError | undefined;
  #refusedMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  /**
   * Entries of the next commit, at most: about as many as can be written in the time of one fsync. Two commits of
   * that size, one being written and one being planned or answered, keep both threads busy; smaller ones would
   * wait for fsyncs.
   */
  #commitEntriesMax: number = limits.commitEntriesMin;
  /** Contexts whose committed head may be another than they know. */
  readonly #unsure = new Set<ContextState>();

  constructor(parts: { store: Store; clock: Clock; hasher: Hasher; observer: CommitObserver }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#hasher = parts.hasher;
    this.#observer = parts.observer;
  }

  /** What waits, including the commit in progress. */
  get queued(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#queuedEntries, bytes: this.#queuedBytes };
  }

  /** Plans the unit and queues it. Throws what its plan throws, or UNAVAILABLE if the queue is full. */
  enqueue(unit: Unit): void {
    if (
      this.#queuedEntries + unit.entries > limits.queuedEntriesMax ||
      this.#queuedBytes + unit.bytes > limits.queuedBytesMax
    ) {
      throw overloaded(this.queued, unit);
    }
    unit.plan();
    this.#queuedEntries += unit.entries;
    this.#queuedBytes += unit.bytes;
    if (unit.state !== undefined) unit.state.queuedUnits += 1;
    this.#queue.push(unit);
    this.#running ??= this.#run();
  }

  /**
   * Why the last commit failed, until one succeeds or `troubleMs` have passed since. Only what lies in the disk counts:
   * a storage that restarts speaks for itself.
   */
  get trouble(): LedgerError | undefined {
    const isRecent = this.#clock.monotonicMs() - this.#refusedMs < troubleMs;
    return isRecent && diskReasons.has(this.#refused?.facts.reason) ? this.#refused : undefined;
  }

  /** Reads the head of a context before the next commit, and soon: what became of one that failed is not known. */
  doubt(state: ContextState): void {
    this.#unsure.add(state);
    this.#running ??= this.#run();
  }

  /** Resolves when everything queued so far has been answered. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // What the same turn of the event loop appends shares the first commit.
    await Promise.resolve();
    let answer = nothing;
    while (this.#queue.length > 0) {
      let refused: LedgerError | undefined;
      // A small batch gains less from overlapping than the answers to the one before it gain from leaving at once.
      if (this.#unsure.size > 0 || this.#queuedEntries < overlapEntriesMin) {
        answer();
        answer = nothing;
      }
      if (this.#unsure.size > 0) refused = await this.#settle();
      const batch = this.#takeBatch();
      if (refused === undefined) {
        const writing = this.#commit(batch);
        // While the store writes this batch, the one before it is answered.
        answer();
        const outcome = await writing;
        answer = outcome.answer ?? nothing;
        refused = outcome.refused;
      }
      this.#refused = refused;
      if (refused !== undefined) {
        this.#refusedMs = this.#clock.monotonicMs();
        for (const unit of batch) this.#leave(unit).failed(refused);
        await this.#settle();
        this.#planAgain();
      }
    }
    answer();
    if (this.#unsure.size > 0) await this.#settle();
    this.#running = this.#queue.length > 0 ? this.#run() : undefined;
  }

  #takeBatch(): Unit[] {
    let entries = 0;
    let bytes = 0;
    let count = 0;
    for (const unit of this.#queue) {
      entries += unit.entries;
      bytes += unit.bytes;
      if (count > 0 && (entries > this.#commitEntriesMax || bytes > limits.commitBytesMax)) break;
      count += 1;
    }
    if (count === this.#queue.length) {
      const batch = this.#queue;
      this.#queue = [];
      return batch;
    }
    return this.#queue.splice(0, count);
  }

  /** Writes a batch. Returns how to answer its units, or why nothing was written, with no unit answered. */
  async #commit(batch: readonly Unit[]): Promise<{ answer?: () => void; refused?: LedgerError }> {
    const { commit, changes, after } = gather(batch);
    if (!isEmpty(commit)) {
      const startMs = this.#clock.monotonicMs();
      try {
        const outcome = await this.#store.commit(
          completesSubtrees(commit.rows) ? await this.#withSubtrees(commit) : commit,
        );
        if (outcome.kind === "head-moved") {
          for (const state of after.keys()) this.#unsure.add(state);
          return { refused: headMoved(outcome.contextId) };
        }
        this.#measure(commit, outcome.syncMicros, startMs);
      } catch (cause) {
        const written =
          cause instanceof StoreError && cause.failure === "unknown" && (await this.#wasWritten(after));
        if (!written) return { refused: fromStoreError(cause) };
      }
    }
    for (const unit of batch) unit.written?.();
    const announce = [...changes].map(([state, change]) => this.#advance(state, change));
    return {
      answer: () => {
        for (const tell of announce) tell();
        for (const unit of batch) answerUnit(this.#leave(unit));
      },
    };
  }

  async #withSubtrees(commit: Commit): Promise<Commit> {
    const completed = await completedSubtrees(commit.rows, this.#store, this.#hasher);
    return { ...commit, subtrees: [...(commit.subtrees ?? []), ...completed] };
  }

  #measure({ rows }: Commit, syncMicros: number, startMs: number): void {
    let bytes = 0;
    for (const row of rows) bytes += row.wire.length;
    const totalSeconds = (this.#clock.monotonicMs() - startMs) / 1000;
    this.#observer.measured({ entries: rows.length, bytes, syncSeconds: syncMicros / 1e6, totalSeconds });
    this.#commitEntriesMax = Math.min(limits.commitEntriesMax, Math.max(limits.commitEntriesMin, syncMicros));
  }

  /** Moves a head and returns how to tell the observer. */
  #advance(state: ContextState, { to, rows }: Change): () => void {
    const before = state.local;
    state.local = to;
    const follows =
      (before === undefined || before.log === to.log) && rows.length === to.latest - (before?.latest ?? 0);
    const { shared } = state;
    if (shared !== undefined) return () => shared.stored(follows ? rows : undefined);
    state.head = to;
    if (follows) state.tree?.advanced(rows);
    else state.tree = undefined;
    return () => this.#observer.advanced(state, follows ? rows : []);
  }

  /** After the writer died: the heads tell, because a commit is one transaction. */
  async #wasWritten(after: Gathered["after"]): Promise<boolean> {
    const giveUpMs = this.#clock.monotonicMs() + recoveryMsMax;
    for (;;) {
      try {
        await this.#reload(after.keys());
        return (
          after.size > 0 &&
          [...after].every(([{ local }, to]) => local?.latest === to?.latest && local?.log === to?.log)
        );
      } catch (error) {
        if (!(error instanceof StoreError) || this.#clock.monotonicMs() >= giveUpMs) {
          for (const state of after.keys()) this.#unsure.add(state);
          return false;
        }
      }
      await new Promise<void>((resolve) => this.#clock.after(recoveryRetryMs, resolve));
    }
  }

  /**
   * Reads the heads that are in doubt; returns why it cannot. What is queued for a head that has moved fails,
   * because it was planned without the entries that moved it: among them may be its own first attempt.
   */
  async #settle(): Promise<LedgerError | undefined> {
    if (this.#unsure.size === 0) return undefined;
    let moved: ReadonlySet<ContextState>;
    try {
      moved = await this.#reload(this.#unsure);
    } catch (cause) {
      return fromStoreError(cause);
    }
    for (const { shared } of this.#unsure) shared?.known();
    this.#unsure.clear();
    const waiting = this.#queue;
    this.#queue = [];
    for (const unit of waiting) {
      if (unit.state === undefined || !moved.has(unit.state)) this.#queue.push(unit);
      else this.#leave(unit).failed(headMoved(unit.state.id));
    }
    for (const state of moved) if (state.queuedUnits === 0) state.planned = state.local;
    return undefined;
  }

  /** Reads the heads of contexts, all or none, tells the observer of those that have moved, and returns them. */
  async #reload(states: Iterable<ContextState>): Promise<ReadonlySet<ContextState>> {
    const heads: [ContextState, Head | undefined][] = [];
    for (const state of states) heads.push([state, await this.#store.head(state.id)]);
    const moved = new Set<ContextState>();
    for (const [state, head] of heads) {
      if (head?.log === state.local?.log && head?.latest === state.local?.latest) continue;
      state.local = head;
      moved.add(state);
      if (state.shared !== undefined) state.shared.stored(undefined);
      else {
        state.head = head;
        state.tree = undefined;
        this.#observer.advanced(state, []);
      }
    }
    return moved;
  }

  /** Plans everything that waits once more, on top of what is committed. */
  #planAgain(): void {
    const waiting = this.#queue;
    this.#queue = [];
    for (const unit of waiting) if (unit.state !== undefined) unit.state.planned = unit.state.local;
    for (const unit of waiting) {
      try {
        unit.plan();
        this.#queue.push(unit);
      } catch (error) {
        this.#leave(unit).failed(fromStoreError(error));
      }
    }
  }

  /** Takes a unit out of the accounts. */
  #leave(unit: Unit): Unit {
    this.#queuedEntries -= unit.entries;
    this.#queuedBytes -= unit.bytes;
    const { state } = unit;
    if (state !== undefined) {
      state.queuedUnits -= 1;
      if (state.queuedUnits === 0) state.planned = state.local;
      if (state.queuedUnits === 0) state.shared?.settled();
    }
    return unit;
  }
}

/** Answers a unit that is on this node's disk, once it is on enough others. */
function answerUnit(unit: Unit): void {
  const through = unit.answeredAt?.();
  const shared = unit.state?.shared;
  if (through === undefined || shared === undefined) unit.committed();
  else shared.hold(unit, through);
}
