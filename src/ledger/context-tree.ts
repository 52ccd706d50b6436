import { hashBytes, type Hash, type Hasher } from "../core/hasher.ts";
import type { Frontier } from "../core/merkle/frontier.ts";
import { rfc6962 } from "../core/merkle/tree-profile.ts";
import type { Inclusion } from "./integrity.ts";

/** Leaves that wait for somebody to ask about them, at most; older ones are folded in. */
const pendingLeavesMax = 4096;

/**
 * The growing edge of one context's tree: proves an entry in the tree that ends with it, as long as nobody
 * asked about a later one. Cost: one node per leaf and, per proof, one more for every level at most.
 */
export class ContextTree {
  readonly #hasher: Hasher;
  /** Roots of the perfect subtrees over the first `#size` leaves, largest first. */
  #subtrees: Hash[] = [];
  #size = 0;
  /** Leaves after those, from `#next` on. */
  #pending: Hash[] = [];
  #next = 0;
  #isKnown = false;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
  }

  /** Tells what was there when this tree began to be told of new leaves. */
  begin({ size, subtrees }: Frontier): void {
    this.#size = size;
    this.#subtrees = [];
    for (let at = 0; at < subtrees.length; at += hashBytes)
      this.#subtrees.push(subtrees.subarray(at, at + hashBytes));
    this.#isKnown = true;
  }

  /** Takes the entries that follow those before. */
  advanced(entries: readonly { readonly contentHash: Hash }[]): void {
    for (const { contentHash } of entries) this.#pending.push(contentHash);
    if (!this.#isKnown || this.#pending.length <= pendingLeavesMax) return;
    while (this.#pending.length - this.#next > pendingLeavesMax / 2) this.#fold();
    this.#forgetFolded();
  }

  /** Returns the proof of the entry at `sequence` in the tree of that size; undefined if it cannot be told from here. */
  proofAt(sequence: number): Inclusion | undefined {
    const leaf = this.#pending[this.#next + sequence - 1 - this.#size];
    if (!this.#isKnown || sequence <= this.#size || leaf === undefined) return undefined;
    while (this.#size < sequence - 1) this.#fold();
    const hashes = this.#subtrees.toReversed();
    this.#fold();
    if (this.#next === this.#pending.length) this.#forgetFolded();
    return { index: sequence - 1, size: sequence, leaf, hashes, root: this.root() };
  }

  /** Returns the root over the leaves that are folded in, of which there is at least one. */
  root(): Hash {
    let at = this.#subtrees.length - 1;
    let root = this.#subtrees[at] ?? new Uint8Array(0);
    for (at -= 1; at >= 0; at -= 1) {
      const left = this.#subtrees[at];
      if (left !== undefined) root = rfc6962.node(left, root, this.#hasher);
    }
    return root;
  }

  #fold(): void {
    let node = this.#pending[this.#next];
    if (node === undefined) return;
    this.#next += 1;
    // Every trailing 1-bit of the old size is a subtree that this leaf doubles.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#subtrees.pop();
      if (left !== undefined) node = rfc6962.node(left, node, this.#hasher);
    }
    this.#subtrees.push(node);
    this.#size += 1;
  }

  #forgetFolded(): void {
    this.#pending = this.#pending.slice(this.#next);
    this.#next = 0;
  }
}
