/**
 * The way of an append into the queue: checked, in order of arrival per context, with retries of
 * the same idempotency key recognised.
 *
 * @module
 */

import { idempotentId } from "../core/entry-id.ts";
import type { CheckedInput } from "../core/validate.ts";
import { AppendUnit, type Appended, type Slot, duplicateOf } from "./append-unit.ts";
import type { Committer } from "./committer.ts";
import type { ContextState, Origin } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import type { Store } from "./ports.ts";
import { fromStoreError } from "./store-failure.ts";

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
      if (waiting === undefined && state !== undefined && !inputs.some(hasIdempotencyKey)) {
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
    for (const { inputs } of group)
      for (const input of inputs) if (hasIdempotencyKey(input)) ids.add(this.#idOf(state, input));
    // Ids that are pending now, and committed by the time they are looked at, are found by the
    // reservation; ids committed before are found in the store.
    const pending = new Map(state.pendingIds);
    const { head } = state;
    const stored =
      head === undefined || ids.size === 0 ? new Map() : await this.#store.findByIds(head.log, [...ids]);
    for (const waiting of group) {
      try {
        const slots = waiting.inputs.some(hasIdempotencyKey)
          ? waiting.inputs.map((input): Slot => {
              if (!hasIdempotencyKey(input)) return { kind: "new", input };
              const id = this.#idOf(state, input);
              const found = stored.get(id);
              if (found !== undefined) return { kind: "stored", appended: duplicateOf(found, input) };
              const reservation = state.pendingIds.get(id) ?? pending.get(id);
              return reservation === undefined || reservation.failed
                ? { kind: "new", input }
                : { kind: "pending", input, reservation };
            })
          : undefined;
        this.#enqueue(state, waiting, slots);
      } catch (error) {
        waiting.reject(fromStoreError(error));
      }
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

  #idOf(state: ContextState, input: CheckedInput): string {
    return idempotentId(state.id, input.idempotencyKey, this.#origin.hasher);
  }
}

function hasIdempotencyKey(input: CheckedInput): boolean {
  return input.idempotencyKey !== "";
}
