/**
 * Trees and proofs by the letter of their definitions, with node:crypto, to compare the code of the ledger with.
 *
 * @module
 */

import { createHash } from "node:crypto";

import { assert } from "../../../src/core/assert.ts";
import type { Hash } from "../../../src/core/hasher.ts";
import type { NodeRef } from "../../../src/core/merkle/node-ref.ts";
import type { ProfileName } from "../../../src/core/merkle/tree-profile.ts";

/** A step of a proof: the hash, on which side of the path it stands, and whether it is the path's own node. */
export interface NaiveStep {
  readonly side: "left" | "right";
  readonly isItself: boolean;
  readonly hash: Hash;
}

export interface NaiveTree {
  /** Returns the hash of the subtree over these leaves of the tree of `size` leaves. */
  node(ref: NodeRef, size: number): Hash;
  root(size: number): Hash;
  inclusion(index: number, size: number): NaiveStep[];
}

export function sha256(...parts: readonly Uint8Array[]): Hash {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** The leaves that the first implementation's vectors are about. */
export function numberedLeaves(size: number): Hash[] {
  return Array.from({ length: size }, (_, i) => sha256(new TextEncoder().encode(`leaf-${i}`)));
}

export function naiveTree(profile: ProfileName, leaves: readonly Hash[]): NaiveTree {
  return profile === "rfc6962" ? new Rfc6962Tree(leaves) : new SeedTree(leaves);
}

/** The recursions of [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1). */
export class Rfc6962Tree implements NaiveTree {
  readonly #leaves: readonly Hash[];
  readonly #known = new Map<string, Hash>();

  constructor(leaves: readonly Hash[]) {
    this.#leaves = leaves;
  }

  node({ level, index }: NodeRef, size: number): Hash {
    return this.mth(index * 2 ** level, Math.min(size, (index + 1) * 2 ** level));
  }

  root(size: number): Hash {
    return size === 0 ? sha256() : this.mth(0, size);
  }

  inclusion(index: number, size: number): NaiveStep[] {
    return this.#path(index, 0, size);
  }

  /** PROOF(first, D[second]) */
  consistency(first: number, second: number): Hash[] {
    return this.#subproof(first, 0, second, true);
  }

  /** MTH(D[from:to]) */
  mth(from: number, to: number): Hash {
    const key = `${from}-${to}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const middle = from + split(to - from);
    const hash =
      to - from === 1
        ? this.#leaf(from)
        : sha256(new Uint8Array([1]), this.mth(from, middle), this.mth(middle, to));
    this.#known.set(key, hash);
    return hash;
  }

  /** PATH(index, D[from:to]) */
  #path(index: number, from: number, to: number): NaiveStep[] {
    if (to - from === 1) return [];
    const middle = from + split(to - from);
    return index < middle
      ? [...this.#path(index, from, middle), { side: "right", isItself: false, hash: this.mth(middle, to) }]
      : [...this.#path(index, middle, to), { side: "left", isItself: false, hash: this.mth(from, middle) }];
  }

  /** SUBPROOF(size - from, D[from:to], isWhole) */
  #subproof(size: number, from: number, to: number, isWhole: boolean): Hash[] {
    if (size === to) return isWhole ? [] : [this.mth(from, to)];
    const middle = from + split(to - from);
    return size <= middle
      ? [...this.#subproof(size, from, middle, isWhole), this.mth(middle, to)]
      : [...this.#subproof(size, middle, to, false), this.mth(from, middle)];
  }

  #leaf(index: number): Hash {
    const leaf = this.#leaves[index];
    assert(leaf !== undefined, "the tree has that many leaves");
    return leaf;
  }
}

/** Level by level, as the first implementation does it: a node without a sibling is paired with itself. */
class SeedTree implements NaiveTree {
  readonly #leaves: readonly Hash[];
  readonly #known = new Map<number, Hash[][]>();

  constructor(leaves: readonly Hash[]) {
    this.#leaves = leaves;
  }

  node({ level, index }: NodeRef, size: number): Hash {
    return at(at(this.#levels(size), level), index);
  }

  root(size: number): Hash {
    return size === 0 ? sha256() : at(at(this.#levels(size), -1), 0);
  }

  inclusion(index: number, size: number): NaiveStep[] {
    return this.#levels(size)
      .slice(0, -1)
      .map((nodes, level) => {
        const own = Math.floor(index / 2 ** level);
        if (own % 2 === 1) return { side: "left", isItself: false, hash: at(nodes, own - 1) };
        const isItself = own + 1 === nodes.length;
        return { side: "right", isItself, hash: at(nodes, isItself ? own : own + 1) };
      });
  }

  #levels(size: number): Hash[][] {
    const known = this.#known.get(size);
    if (known !== undefined) return known;
    const levels = [this.#leaves.slice(0, size)];
    do {
      const below = at(levels, -1);
      const pairs = Math.ceil(below.length / 2);
      levels.push(
        Array.from({ length: pairs }, (_, i) =>
          sha256(at(below, 2 * i), at(below, Math.min(2 * i + 1, below.length - 1))),
        ),
      );
    } while (at(levels, -1).length > 1);
    this.#known.set(size, levels);
    return levels;
  }
}

/** Returns the largest power of two smaller than `size`. */
function split(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

function at<T>(list: readonly T[], index: number): T {
  const element = list.at(index);
  assert(element !== undefined, "the list is long enough");
  return element;
}
