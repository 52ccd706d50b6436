/**
 * The heads of a memory store, and what follows from them.
 *
 * @module
 */

import { encodeUtf8 } from "../core/utf8.ts";
import { type Commit, type Head, nodeLogId, type Totals } from "../ledger/ports.ts";
import { compareBytes } from "./compare-bytes.ts";

/** What a commit does to one head: `from` is undefined where one comes, `to` where one goes. */
export interface HeadMove {
  readonly contextId: string;
  readonly from: Head | undefined;
  readonly to: Head | undefined;
}

/** Returns what a commit does to heads, in the order in which it does it. */
export function movesOf({ truncations = [], drops = [], heads }: Commit): HeadMove[] {
  return [...truncations, ...drops.map((drop) => ({ ...drop, to: undefined })), ...heads];
}

export class MemoryHeads {
  readonly #heads = new Map<string, Head>();
  /** The context of each log that a head names. */
  readonly #owners = new Map<number, string>();
  /** Ids in byte order; undefined after a context came or went. */
  #sorted: { readonly contextId: string; readonly bytes: Uint8Array }[] | undefined;
  #totals: Totals = { contexts: 0, entries: 0, bytes: 0 };

  get totals(): Totals {
    return this.#totals;
  }

  get(contextId: string): Head | undefined {
    return this.#heads.get(contextId);
  }

  /** Returns the latest sequence that a head covers in `log`, 0 if none does. */
  latestOf(log: number): number {
    const owner = this.#owners.get(log);
    return owner === undefined ? 0 : (this.#heads.get(owner)?.latest ?? 0);
  }

  /** Returns the first context that has another head than its move is based on, if the moves before it were made. */
  firstMoved(moves: readonly HeadMove[]): string | undefined {
    const left = new Map<string, Head | undefined>();
    for (const { contextId, from, to } of moves) {
      const head = left.has(contextId) ? left.get(contextId) : this.#heads.get(contextId);
      if (head?.log !== from?.log || head?.latest !== from?.latest) return contextId;
      left.set(contextId, to);
    }
    return undefined;
  }

  move({ contextId, from, to }: HeadMove): void {
    if (from !== undefined) this.#owners.delete(from.log);
    if (to === undefined) this.#heads.delete(contextId);
    else {
      this.#heads.set(contextId, to);
      this.#owners.set(to.log, contextId);
    }
    if (from === undefined || to === undefined) this.#sorted = undefined;
    if (contextId === nodeLogId) return;
    this.#totals = {
      contexts: this.#totals.contexts + (to === undefined ? 0 : 1) - (from === undefined ? 0 : 1),
      entries: this.#totals.entries + (to?.latest ?? 0) - (from?.latest ?? 0),
      bytes: this.#totals.bytes + (to?.bytes ?? 0) - (from?.bytes ?? 0),
    };
  }

  /** Returns the ids of all contexts in the order of their bytes. */
  inOrder(): readonly { readonly contextId: string; readonly bytes: Uint8Array }[] {
    this.#sorted ??= [...this.#heads.keys()]
      .map((contextId) => ({ contextId, bytes: encodeUtf8(contextId) }))
      .sort((left, right) => compareBytes(left.bytes, right.bytes));
    return this.#sorted;
  }
}
