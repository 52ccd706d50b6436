import { limits } from "../core/limits.ts";
import { ContextState } from "./context-state.ts";
import type { Replica, Store } from "./ports.ts";

/**
 * The contexts this process has touched, at most `contextsCachedMax` beside those in use. There is
 * never more than one object per context.
 */
export class ContextTable {
  readonly #store: Store;
  readonly #share: (state: ContextState, replica: Replica) => void;
  /** Least recently used first. */
  readonly #states = new Map<string, ContextState>();
  readonly #loading = new Map<string, Promise<ContextState>>();

  /** `share` is called for a context that other nodes keep too, before anybody else has it. */
  constructor(store: Store, share: (state: ContextState, replica: Replica) => void = () => {}) {
    this.#store = store;
    this.#share = share;
  }

  /** Returns the context if it is in memory. */
  peek(contextId: string): ContextState | undefined {
    return this.#states.get(contextId);
  }

  /** Returns the context, reading its head on first touch. Throws StoreError. */
  load(contextId: string): Promise<ContextState> {
    const state = this.#states.get(contextId);
    if (state !== undefined) {
      this.#states.delete(contextId);
      this.#states.set(contextId, state);
      return Promise.resolve(state);
    }
    const loading = this.#loading.get(contextId) ?? this.#read(contextId);
    this.#loading.set(contextId, loading);
    return loading;
  }

  async #read(contextId: string): Promise<ContextState> {
    try {
      const state = new ContextState(contextId, await this.#store.head(contextId));
      const replica = await this.#store.replica(contextId);
      if (replica !== undefined) this.#share(state, replica);
      this.#states.set(contextId, state);
      this.#evict();
      return state;
    } finally {
      this.#loading.delete(contextId);
    }
  }

  #evict(): void {
    if (this.#states.size <= limits.contextsCachedMax) return;
    // A bounded look at the oldest ones: those in use move to the young end.
    let looks = 8;
    for (const [contextId, state] of this.#states) {
      this.#states.delete(contextId);
      if (!state.idle) this.#states.set(contextId, state);
      looks -= 1;
      if (looks === 0 || this.#states.size <= limits.contextsCachedMax) return;
    }
  }
}
