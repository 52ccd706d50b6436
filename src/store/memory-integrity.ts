/**
 * What a memory store keeps beside its entries for proofs and checkpoints.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { hashBytes } from "../core/hasher.ts";
import { type Commit, nodeLogId, type SignedHead } from "../ledger/ports.ts";
import { subtreeLeaves, subtreeLevelMax } from "./subtree-leaves.ts";

export class MemoryIntegrity {
  /** By log, level and index. */
  readonly #subtrees = new Map<number, Map<number, Map<number, Uint8Array>>>();
  readonly #signed = new Map<string, SignedHead>();
  /** The size of each context's newest leaf in the log of logs. */
  readonly #logged = new Map<string, number>();
  readonly #damaged = new Map<number, Set<number>>();

  /** Writes a commit's part. `lastOf` returns the last sequence of a log that is covered or staged. */
  write(
    { subtrees = [], signed = [], logged = [], damage = [] }: Commit,
    lastOf: (log: number) => number,
  ): void {
    for (const { log, level, index, root } of subtrees) {
      assert(root.length === hashBytes, "a root is a SHA-256");
      if ((index + 1) * subtreeLeaves(level) > lastOf(log)) continue;
      const levels = getOrSet(this.#subtrees, log, () => new Map<number, Map<number, Uint8Array>>());
      getOrSet(levels, level, () => new Map<number, Uint8Array>()).set(index, root.slice());
    }
    for (const head of signed) this.#signed.set(head.contextId, { ...head, root: head.root.slice() });
    for (const { contextId, size } of logged) this.#logged.set(contextId, size);
    for (const { log, sequence, damaged } of damage) {
      if (!damaged) this.#damaged.get(log)?.delete(sequence);
      else if (sequence <= lastOf(log)) getOrSet(this.#damaged, log, () => new Set<number>()).add(sequence);
    }
  }

  /** Deletes what is known of the rows of `log` after `keep`, and of subtrees that reach beyond it. */
  forget(log: number, keep: number): void {
    const levels = this.#subtrees.get(log);
    for (let level = 1; level <= subtreeLevelMax; level += 1) {
      const roots = levels?.get(level);
      for (const index of roots?.keys() ?? []) {
        if ((index + 1) * subtreeLeaves(level) > keep) roots?.delete(index);
      }
    }
    const sequences = this.#damaged.get(log);
    for (const sequence of sequences ?? []) if (sequence > keep) sequences?.delete(sequence);
    if (keep > 0) return;
    this.#subtrees.delete(log);
    this.#damaged.delete(log);
  }

  /** Forgets the leaf that the log of logs has of a context. */
  unlog(contextId: string): void {
    this.#logged.delete(contextId);
  }

  /** Forgets what is kept under the id of a context. */
  drop(contextId: string): void {
    this.#logged.delete(contextId);
    this.#signed.delete(contextId);
  }

  /** The roots of one level from index `first` on, at most `count`, up to the first that is missing. */
  *subtreeRoots(log: number, level: number, first: number, count: number): Iterable<Uint8Array> {
    const roots = this.#subtrees.get(log)?.get(level);
    for (let index = first; index < first + count; index += 1) {
      const root = roots?.get(index);
      if (root === undefined) return;
      yield root;
    }
  }

  signedHead(contextId: string): SignedHead | undefined {
    const head = this.#signed.get(contextId);
    return head === undefined ? undefined : { ...head, root: head.root.slice() };
  }

  /** Returns true if a context of this size has no leaf of it in the log of logs. */
  isUnlogged(contextId: string, latest: number): boolean {
    return contextId !== nodeLogId && this.#logged.get(contextId) !== latest;
  }

  damaged(limit: number): { readonly log: number; readonly sequence: number }[] {
    const all = [...this.#damaged].flatMap(([log, sequences]) =>
      [...sequences].map((sequence) => ({ log, sequence })),
    );
    return all.sort((a, b) => a.log - b.log || a.sequence - b.sequence).slice(0, limit);
  }
}

function getOrSet<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
