import type { Hasher } from "../core/hasher.ts";
import { frontierRoot } from "../core/merkle/frontier.ts";
import { historyReplaced } from "./history-replaced.ts";
import type { ContextState } from "./context-state.ts";
import { ContextTree } from "./context-tree.ts";
import type { Inclusion } from "./integrity.ts";
import type { StoredEntry } from "./ports.ts";
import type { Trees } from "./trees.ts";

/** Proofs that are made from the store between two turns of the event loop. */
const proofsPerTurn = 8;

type Acknowledged = Pick<StoredEntry, "sequence" | "contentHash">;

/**
 * Proves entries that were just acknowledged, each in the tree that ends with it. A context that somebody asks
 * about keeps the edge of its tree in memory, so that the next answers need no store.
 */
export class EntryProofs {
  readonly #trees: Trees;
  readonly #hasher: Hasher;

  constructor(trees: Trees, hasher: Hasher) {
    this.#trees = trees;
    this.#hasher = hasher;
  }

  /** Takes committed entries in ascending order. Rejects with LedgerError or StoreError. */
  prove(
    state: ContextState,
    entries: readonly Acknowledged[],
  ): readonly Inclusion[] | Promise<readonly Inclusion[]> {
    const proofs: Inclusion[] = [];
    for (const { sequence } of entries) {
      const proof = state.tree?.proofAt(sequence);
      if (proof === undefined) return this.#proveFromStore(state, entries, proofs);
      proofs.push(proof);
    }
    return proofs;
  }

  async #proveFromStore(
    state: ContextState,
    entries: readonly Acknowledged[],
    proofs: Inclusion[],
  ): Promise<readonly Inclusion[]> {
    state.pins += 1;
    try {
      const begun = this.#begin(state);
      for (const entry of entries.slice(proofs.length)) {
        proofs.push(await this.#stored(state, entry));
        if (proofs.length % proofsPerTurn === 0) await this.#trees.turn();
      }
      await begun;
      return proofs;
    } finally {
      state.pins -= 1;
    }
  }

  async #stored(state: ContextState, { sequence }: Acknowledged): Promise<Inclusion> {
    for (;;) {
      const log = state.head?.log ?? 0;
      const { cuts } = state;
      const tree = { log, size: sequence };
      try {
        const { leaf, hashes } = await this.#trees.inclusion(tree, sequence - 1);
        const frontier = await this.#trees.frontier(tree);
        if (state.cuts !== cuts) throw historyReplaced(state.head?.latest ?? 0);
        return {
          index: sequence - 1,
          size: sequence,
          leaf,
          hashes,
          root: frontierRoot(frontier, "rfc6962", this.#hasher),
        };
      } catch (error) {
        // A load has put another log in its place, with the same entries and more.
        if (state.cuts !== cuts) throw historyReplaced(state.head?.latest ?? 0);
        if (state.head?.log === log) throw error;
      }
    }
  }

  /** Begins to keep the edge of the context's tree, unless that has begun already. */
  async #begin(state: ContextState): Promise<void> {
    if (state.tree !== undefined || state.head === undefined) return;
    const tree = new ContextTree(this.#hasher);
    const { log, latest: size } = state.head;
    // From here on it is told of what is committed.
    state.tree = tree;
    try {
      tree.begin(await this.#trees.frontier({ log, size }));
    } catch (error) {
      if (state.tree === tree) state.tree = undefined;
      throw error;
    }
  }
}
