import type { Entry } from "../entry.ts";
import type { Hash, Hasher } from "../hasher.ts";
import { legacyLeaf } from "../merkle/legacy-leaf.ts";
import { RootAccumulator } from "../merkle/root-accumulator.ts";
import { rfc6962, seed } from "../merkle/tree-profile.ts";

/** What the end of a snapshot says about all of its entries, computed one entry at a time. */
export class SnapshotTally {
  readonly #hasher: Hasher;
  readonly #log: RootAccumulator;
  readonly #seed: RootAccumulator;
  #lamport = 0n;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
    this.#log = new RootAccumulator(rfc6962, hasher);
    this.#seed = new RootAccumulator(seed, hasher);
  }

  get count(): number {
    return this.#log.size;
  }

  /** The largest Lamport time so far. */
  get lamport(): bigint {
    return this.#lamport;
  }

  /** Returns the entry's leaf in the seed profile. */
  add(contextId: string, entry: Entry, contentHash: Hash): Hash {
    const leaf = legacyLeaf(contextId, entry, this.#hasher);
    this.#log.push(contentHash);
    this.#seed.push(leaf);
    if (entry.lamport > this.#lamport) this.#lamport = entry.lamport;
    return leaf;
  }

  root(): Hash {
    return this.#log.root();
  }

  seedRoot(): Hash {
    return this.#seed.root();
  }
}
