/**
 * Reads of the committed prefix: pages from the store, with a turn of the event loop between them.
 *
 * @module
 */

import { type Cursor, encodeResumeToken, parseResumeToken } from "../core/cursor.ts";
import { contentHashFieldBytes, varintSize } from "../core/entry-wire.ts";
import { LedgerError, quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { ContextState } from "./context-state.ts";
import { commonAfterForks } from "./fork-records.ts";
import { historyReplaced } from "./history-replaced.ts";
import type { ContextTable } from "./context-table.ts";
import type { KnownDamage } from "./damage-list.ts";
import { entryDamaged, entryMissing } from "./data-loss.ts";
import type { Clock, ReadRange, Store, StoredEntry } from "./ports.ts";
import { fromStoreError } from "./store-failure.ts";
import { isWellFormed } from "./verification-rows.ts";

export interface GetInput {
  readonly contextId: string;
  /** Empty means all. */
  readonly key: string;
  /** Exclusive. */
  readonly afterSequence: bigint;
  /** 0 means no limit. */
  readonly limit: number;
  /** 0 means never cut. */
  readonly maxBytes: number;
  /** Takes the place of `afterSequence` unless empty. */
  readonly resumeToken: Uint8Array;
}

export interface GetResult {
  readonly entries: readonly StoredEntry[];
  readonly latestSequence: number;
  readonly more: boolean;
  readonly resumeToken: Uint8Array;
}

export class Reader {
  readonly #store: Store;
  readonly #contexts: ContextTable;
  readonly #clock: Clock;
  readonly #damage: KnownDamage;

  constructor(parts: { store: Store; contexts: ContextTable; clock: Clock; damage: KnownDamage }) {
    this.#store = parts.store;
    this.#contexts = parts.contexts;
    this.#clock = parts.clock;
    this.#damage = parts.damage;
  }

  /**
   * Returns the entries asked for. Throws RESOURCE_EXHAUSTED if they are over `answerBytesMax` and
   * `maxBytes` does not allow to cut; ABORTED if the resume token's entry was replaced.
   */
  async get(input: GetInput): Promise<GetResult> {
    try {
      const state = await this.#contexts.load(input.contextId);
      state.pins += 1;
      try {
        return await uncut(state, async () => {
          const through = state.head?.latest ?? 0;
          const after =
            input.resumeToken.length === 0
              ? Number(input.afterSequence < BigInt(through) ? input.afterSequence : through)
              : await this.resolve(state, parseResumeToken(input.resumeToken, "resume_token"));
          const { entries, more } = await this.#collect(state, input, after, through);
          const resumeToken = await this.#tokenAfter(state, entries, after);
          return { entries, latestSequence: through, more, resumeToken };
        });
      } finally {
        state.pins -= 1;
      }
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /**
   * Reads one page of the context's log as it is now, also while a load replaces the log. It ends before an entry that is
   * damaged or missing; throws DATA_LOSS if it would begin with one. With a key too: nobody knows the key of a damaged entry.
   * Throws ABORTED HISTORY_REPLACED if part of the range was taken out of the context.
   */
  async page(state: ContextState, range: Omit<ReadRange, "log">): Promise<StoredEntry[]> {
    if (!this.#damage.isLoaded) await this.#damage.load();
    for (;;) {
      const log = state.head?.log;
      const { cuts } = state;
      // Whoever asks for more than there is began before something was taken out.
      if (range.through > (state.head?.latest ?? 0)) throw historyReplaced(state.head?.latest ?? 0);
      if (log === undefined) return [];
      const damaged = this.#damage.first(log, range.after, range.through);
      if (damaged === range.after + 1) throw entryDamaged(damaged);
      const through = damaged === undefined ? range.through : damaged - 1;
      const entries = await this.#store.read({ log, ...range, through });
      // The rows of a replaced log are deleted only after the head has moved.
      if (state.head?.log !== log || state.cuts !== cuts) continue;
      const page =
        range.key === undefined ? consecutive(entries, { ...range, through }) : wellFormed(entries);
      if (page.length === 0 && damaged !== undefined) throw entryDamaged(damaged);
      return page;
    }
  }

  /** Returns the resume token after the entry at `sequence`, or after nothing if it is 0. Throws DATA_LOSS if its hash is lost. */
  async tokenAt(state: ContextState, sequence: number): Promise<Uint8Array> {
    return encodeResumeToken(sequence, sequence === 0 ? undefined : await this.#hashAt(state, sequence));
  }

  /**
   * Returns the sequence of a cursor that the context's history contains. Throws ABORTED HISTORY_REPLACED if its entry lost
   * its place, naming the last sequence that is known to be common; OUT_OF_RANGE if it is above the head.
   */
  resolve(state: ContextState, cursor: Cursor): Promise<number> {
    return uncut(state, () => this.#resolve(state, cursor));
  }

  async #resolve(state: ContextState, cursor: Cursor): Promise<number> {
    const latest = state.head?.latest ?? 0;
    const { sequence, hashPrefix } = cursor;
    if (sequence === "latest") return latest;
    if (sequence > latest) {
      const common = await this.#commonWith(state, sequence, hashPrefix);
      throw common === undefined ? aboveHead(cursor, latest) : historyReplaced(common, sequence);
    }
    if (sequence > 0 && hashPrefix !== undefined && !(await this.#holds(state, sequence, hashPrefix)))
      throw historyReplaced((await this.#commonWith(state, sequence, hashPrefix)) ?? 0, sequence);
    return sequence;
  }

  /** Returns how many entries there still are of the history that a cursor is in; undefined if no fork is known to have it. */
  async #commonWith(
    { id, head }: ContextState,
    sequence: number,
    hashPrefix: Uint8Array | undefined,
  ): Promise<number | undefined> {
    if (hashPrefix === undefined) return undefined;
    const forks = await this.#store.forks(id, limits.forksPerContextMax);
    const common = commonAfterForks(forks, { sequence, hashPrefix });
    return common === undefined ? undefined : Math.min(common, head?.latest ?? 0);
  }

  /** Throws DATA_LOSS if the entry is damaged and what is left of it does not tell. */
  async #holds(state: ContextState, sequence: number, hashPrefix: Uint8Array): Promise<boolean> {
    const contentHash = await this.#hashAt(state, sequence);
    const isHeld = hashPrefix.every((byte, i) => byte === contentHash[i]);
    if (!isHeld && this.#isDamaged(state, sequence)) throw entryDamaged(sequence);
    return isHeld;
  }

  /**
   * Returns the hash stored for an entry that the context has. Whoever has the entry can go on behind it, so it does not
   * matter here if the rest of it is damaged. Throws DATA_LOSS if the hash is lost too.
   */
  async #hashAt(state: ContextState, sequence: number): Promise<Uint8Array> {
    for (;;) {
      const log = state.head?.log;
      const { cuts } = state;
      if (log === undefined || sequence > (state.head?.latest ?? 0))
        throw historyReplaced(state.head?.latest ?? 0);
      let entry: StoredEntry | undefined;
      try {
        [entry] = await this.#store.read({
          log,
          after: sequence - 1,
          through: sequence,
          entriesMax: 1,
          bytesMax: 1,
        });
      } catch (cause) {
        throw this.#isDamaged(state, sequence) ? entryDamaged(sequence, { cause }) : cause;
      }
      if (state.head?.log !== log || state.cuts !== cuts) continue;
      if (entry === undefined) throw entryMissing(sequence);
      if (!isWellFormed(entry)) throw entryDamaged(sequence);
      return entry.contentHash;
    }
  }

  #isDamaged({ head }: ContextState, sequence: number): boolean {
    return head !== undefined && this.#damage.first(head.log, sequence - 1, sequence) !== undefined;
  }

  async #collect(
    state: ContextState,
    { key, limit, maxBytes }: GetInput,
    start: number,
    through: number,
  ): Promise<{ entries: StoredEntry[]; more: boolean }> {
    const bytesMax = maxBytes === 0 ? limits.answerBytesMax : Math.min(maxBytes, limits.answerBytesMax);
    const entriesMax = limit === 0 ? Number.POSITIVE_INFINITY : limit;
    const entries: StoredEntry[] = [];
    let bytes = 0;
    let after = start;
    while (after < through && entries.length < entriesMax) {
      if (entries.length > 0) await this.#clock.yield();
      let page: StoredEntry[];
      try {
        page = await this.page(state, {
          after,
          through,
          key: key === "" ? undefined : key,
          entriesMax: Math.min(limits.readPageEntries, entriesMax - entries.length),
          bytesMax: limits.readPageBytes,
        });
      } catch (error) {
        // Who asked for a part gets the part before the damage; the next call is told of it.
        const isPart = maxBytes !== 0 && entries.length > 0;
        if (isPart && error instanceof LedgerError && error.code === "DATA_LOSS")
          return { entries, more: true };
        throw error;
      }
      if (page.length === 0) break;
      for (const entry of page) {
        bytes += answerBytes(entry);
        if (bytes > bytesMax) {
          if (maxBytes === 0) throw answerTooLarge(state.id);
          if (entries.length > 0) return { entries, more: true };
        }
        entries.push(entry);
        after = entry.sequence;
      }
    }
    return { entries, more: false };
  }

  /** Returns the cursor after an answer: its last entry, or where it began if it has none. */
  async #tokenAfter(
    state: ContextState,
    entries: readonly StoredEntry[],
    start: number,
  ): Promise<Uint8Array> {
    const last = entries.at(-1);
    if (last !== undefined) return encodeResumeToken(last.sequence, last.contentHash);
    return this.tokenAt(state, start);
  }
}

/** Runs `work`, once more for each time that entries were taken out of the context meanwhile. */
async function uncut<T>(state: ContextState, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const { cuts } = state;
    try {
      const result = await work();
      if (state.cuts === cuts) return result;
    } catch (error) {
      if (state.cuts === cuts) throw error;
    }
  }
}

/** Returns the rows up to where one is missing or not well-formed. Throws DATA_LOSS if that is the first. */
function consecutive(
  entries: StoredEntry[],
  { after, through }: { after: number; through: number },
): StoredEntry[] {
  const [first] = entries;
  if (through > after && first?.sequence !== after + 1) throw entryMissing(after + 1);
  const gap = entries.findIndex(({ sequence }, index) => sequence !== after + 1 + index);
  return wellFormed(gap === -1 ? entries : entries.slice(0, gap));
}

/** Returns the rows up to one that is not well-formed. Throws DATA_LOSS if that is the first. */
function wellFormed(entries: StoredEntry[]): StoredEntry[] {
  const bad = entries.findIndex((entry) => !isWellFormed(entry));
  if (bad === 0) throw entryDamaged(entries[0]?.sequence ?? 0);
  return bad === -1 ? entries : entries.slice(0, bad);
}

/** Returns OUT_OF_RANGE for a cursor beyond the newest entry. */
function aboveHead(cursor: Cursor, latest: number): LedgerError {
  const sequence = cursor.beyond ?? cursor.sequence;
  return new LedgerError("OUT_OF_RANGE", `sequence ${sequence} is above the context's newest, ${latest}`, {
    reason: "SEQUENCE_ABOVE_HEAD",
    field: cursor.hashPrefix === undefined ? "from_sequence" : "resume_token",
    value: sequence,
    limit: latest,
    sequence: latest,
    remedy: `continue from ${latest}, or use 18446744073709551615 for new entries only`,
  });
}

/** Bytes one entry takes in an answer. */
export function answerBytes(entry: StoredEntry): number {
  const body = entry.wire.length + contentHashFieldBytes;
  return 1 + varintSize(body) + body;
}

function answerTooLarge(contextId: string): LedgerError {
  return new LedgerError(
    "RESOURCE_EXHAUSTED",
    `the answer for context ${quote(contextId)} is over ${limits.answerBytesMax} bytes`,
    {
      reason: "ANSWER_TOO_LARGE",
      field: "limit",
      limit: limits.answerBytesMax,
      remedy:
        "set max_bytes and continue with resume_token, set limit, or stream with Watch or SnapshotStream",
    },
  );
}
