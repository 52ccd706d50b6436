/**
 * The way of an append into the queue: checked, in order of arrival per context, with retries of
 * the same idempotency key recognised.
 *
 * @module
 */

import { idempotentId } from "../core/entry-id.ts";
import type { CheckedInput } from "../core/validate.ts";
import { AppendUnit, type Appended, type Slot, duplicateOf, withCopies } from "./append-unit.ts";
import type { Committer } from "./committer.ts";
import type { ContextState, Origin, Reservation } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import type { Store, StoredEntry } from "./ports.ts";
import { entryDamaged } from "./data-loss.ts";
import { fromStoreError } from "./store-failure.ts";
import { judgeRows } from "./verification-rows.ts";

interface Waiting {
  readonly inputs: readonly CheckedInput[];
  readonly resolve: (appended: Appended[]) => void;
  readonly reject: (error: Error) => void;
}

export class Appender {
  readonly #contexts: ContextTable;
  readonly #committer: Committer;
  readonly #store: Store;
  readonly #origin: Origin;
  /** Appends that need the store before they can be queued, by context, oldest first. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(parts: { contexts: ContextTable; committer: Committer; store: Store; origin: Origin }) {
    this.#contexts = parts.contexts;
    this.#committer = parts.committer;
    this.#store = parts.store;
    this.#origin = parts.origin;
  }

  /**
   * Appends checked inputs to one context, all or none, and resolves when they are on disk. Rejects
   * with LedgerError. Calls for one context take effect in the order they were made.
   */
  append(contextId: string, inputs: readonly CheckedInput[]): Promise<Appended[]> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(contextId);
      const state = this.#contexts.peek(contextId);
      if (waiting === undefined && state !== undefined && !inputs.some(hasKnownId)) {
        this.#enqueue(state, { inputs, resolve, reject }, undefined);
      } else if (waiting === undefined) {
        this.#waiting.set(contextId, [{ inputs, resolve, reject }]);
        void this.#admit(contextId);
      } else {
        waiting.push({ inputs, resolve, reject });
      }
    });
  }

  /** Queues what waits for one context, in order, until nothing waits. Never rejects. */
  async #admit(contextId: string): Promise<void> {
    for (;;) {
      const group = this.#waiting.get(contextId) ?? [];
      if (group.length === 0) {
        this.#waiting.delete(contextId);
        return;
      }
      this.#waiting.set(contextId, []);
      try {
        const state = await this.#contexts.load(contextId);
        state.pins += 1;
        try {
          await this.#admitGroup(state, group);
        } finally {
          state.pins -= 1;
        }
      } catch (cause) {
        for (const { reject } of group) reject(fromStoreError(cause));
      }
    }
  }

  async #admitGroup(state: ContextState, group: readonly Waiting[]): Promise<void> {
    const ids = new Set<string>();
    // Ids that are pending now, and committed by the time they are looked at, are found by the
    // reservation; ids committed before are found in the store.
    const pending = new Map<string, Reservation>();
    for (const input of group.flatMap(({ inputs }) => inputs)) {
      if (!hasKnownId(input)) continue;
      const id = this.#idOf(state, input);
      const reservation = state.pendingIds.get(id);
      if (reservation !== undefined) pending.set(id, reservation);
      ids.add(id);
    }
    const stored = ids.size === 0 ? noEntries : await this.#lookUp(state, [...ids]);
    for (const waiting of group) {
      try {
        const slots = waiting.inputs.some(hasKnownId)
          ? waiting.inputs.map((input): Slot => {
              if (!hasKnownId(input)) return { kind: "new", input };
              const id = this.#idOf(state, input);
              const reservation = state.pendingIds.get(id) ?? pending.get(id);
              if (reservation?.failed === false) return { kind: "pending", input, reservation };
              const found = stored.get(id);
              return found === undefined
                ? { kind: "new", input }
                : { kind: "stored", appended: duplicateOf(this.#intact(state, found), input) };
            })
          : undefined;
        const known = slots && allStored(slots, state.head?.latest ?? 0);
        if (known === undefined) this.#enqueue(state, waiting, slots);
        else waiting.resolve(known.map((one) => withCopies(one, state)));
      } catch (error) {
        waiting.reject(fromStoreError(error));
      }
    }
  }

  /** Finds entries by id, in the log that the context has when they are found. */
  async #lookUp(state: ContextState, ids: readonly string[]): Promise<ReadonlyMap<string, StoredEntry>> {
    for (;;) {
      await state.publishing;
      // Entries that are not committed yet are found too: a retry must not become another.
      const log = state.local?.log;
      const stored = log === undefined ? noEntries : await this.#store.findByIds(log, ids);
      if (state.publishing === undefined && state.local?.log === log) return stored;
    }
  }

  #enqueue(
    state: ContextState,
    { inputs, resolve, reject }: Waiting,
    slots: readonly Slot[] | undefined,
  ): void {
    try {
      this.#committer.enqueue(
        new AppendUnit({ state, inputs, slots, origin: this.#origin, resolve, reject }),
      );
    } catch (error) {
      reject(fromStoreError(error));
    }
  }

  /** Returns the entry. Throws DATA_LOSS if it is damaged: a retry must not be told that its content is another. */
  #intact(state: ContextState, entry: StoredEntry): StoredEntry {
    const [verdict] = judgeRows(state.id, [entry], this.#origin.hasher);
    if (verdict?.problem !== undefined) throw entryDamaged(entry.sequence);
    return entry;
  }

  #idOf(state: ContextState, input: CheckedInput): string {
    return input.id ?? idempotentId(state.id, input.idempotencyKey, this.#origin.hasher);
  }
}

const noEntries: ReadonlyMap<string, StoredEntry> = new Map();

/** Returns the answers if all of them are entries that readers can see. */
function allStored(slots: readonly Slot[], latest: number): Appended[] | undefined {
  const answers: Appended[] = [];
  for (const slot of slots) {
    if (slot.kind !== "stored" || slot.appended.sequence > latest) return undefined;
    answers.push(slot.appended);
  }
  return answers;
}

function hasKnownId(input: CheckedInput): boolean {
  return input.idempotencyKey !== "" || input.id !== undefined;
}
