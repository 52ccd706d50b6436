import { hashBytes, type Hash, type Hasher } from "../core/hasher.ts";
import { emptyFrontier, frontierRoot, oneBits } from "../core/merkle/frontier.ts";
import { subtreeWidth } from "./completed-subtrees.ts";

/** A full subtree of 256^`level` leaves. */
export interface FullSubtree {
  readonly level: number;
  readonly index: number;
  readonly root: Hash;
}

/** Packed nodes of one level that do not yet fill a subtree of the level above. */
interface Level {
  readonly nodes: Uint8Array;
  count: number;
}

/** An RFC 6962 tree built leaf by leaf, which gives the root of every full subtree on its way. Holds 8 KiB a level. */
export class VerificationTree {
  readonly #hasher: Hasher;
  readonly #levels: Level[] = [];
  #size = 0;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes the next leaf and returns the subtrees it completes, smallest first. */
  add(leaf: Hash): readonly FullSubtree[] {
    this.#size += 1;
    if (!this.#push(0, leaf)) return [];
    const completed: FullSubtree[] = [];
    for (let level = 1; ; level += 1) {
      const below = this.#level(level - 1);
      const root = this.#hasher.pyramid(below.nodes, "rfc6962").slice(-hashBytes);
      below.count = 0;
      completed.push({ level, index: this.#size / subtreeWidth ** level - 1, root });
      if (!this.#push(level, root)) return completed;
    }
  }

  /** Returns the root over all leaves so far. */
  root(): Hash {
    const subtrees = new Uint8Array(hashBytes * oneBits(this.#size));
    let at = 0;
    // Every level holds 8 bits of the size, the highest level the highest.
    for (const { nodes, count } of this.#levels.toReversed()) {
      const ofLevel = this.#hasher.extend(emptyFrontier, nodes.subarray(0, hashBytes * count), "rfc6962");
      subtrees.set(ofLevel.subtrees, at);
      at += ofLevel.subtrees.length;
    }
    return frontierRoot({ size: this.#size, subtrees }, "rfc6962", this.#hasher);
  }

  /** Returns another tree with the same leaves. */
  copy(): VerificationTree {
    const copy = new VerificationTree(this.#hasher);
    copy.#size = this.#size;
    for (const { nodes, count } of this.#levels) copy.#levels.push({ nodes: nodes.slice(), count });
    return copy;
  }

  /** Returns whether the level is full. */
  #push(index: number, node: Hash): boolean {
    const level = this.#level(index);
    level.nodes.set(node, hashBytes * level.count);
    level.count += 1;
    return level.count === subtreeWidth;
  }

  #level(index: number): Level {
    return (this.#levels[index] ??= { nodes: new Uint8Array(hashBytes * subtreeWidth), count: 0 });
  }
}
