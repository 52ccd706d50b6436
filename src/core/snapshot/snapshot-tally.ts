import { hashBytes, type Hash, type Hasher } from "../hasher.ts";
import { emptyFrontier, type Frontier, frontierRoot } from "../merkle/frontier.ts";

/** Leaves that wait until they are put into the trees together: whole levels cost less than single nodes. */
const waitingLeavesMax = 4096;

/** What the end of a snapshot says about all of its entries. Holds no entry, and one hash per level of a tree. */
export class SnapshotTally {
  readonly #hasher: Hasher;
  #log: Frontier = emptyFrontier;
  #seed: Frontier = emptyFrontier;
  readonly #logWaiting = new Uint8Array(hashBytes * waitingLeavesMax);
  readonly #seedWaiting = new Uint8Array(hashBytes * waitingLeavesMax);
  #waiting = 0;
  #lamport = 0n;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
  }

  get count(): number {
    return this.#log.size + this.#waiting;
  }

  /** The largest Lamport time so far. */
  get lamport(): bigint {
    return this.#lamport;
  }

  /** Takes the next entries: their packed content hashes, their packed leaves in the seed profile, their largest Lamport time. */
  add(contentHashes: Uint8Array, seedLeaves: Uint8Array, lamport: bigint): void {
    if (lamport > this.#lamport) this.#lamport = lamport;
    for (let at = 0; at < contentHashes.length;) {
      const room = hashBytes * (waitingLeavesMax - this.#waiting);
      const end = Math.min(contentHashes.length, at + room);
      const offset = hashBytes * this.#waiting;
      this.#logWaiting.set(contentHashes.subarray(at, end), offset);
      this.#seedWaiting.set(seedLeaves.subarray(at, end), offset);
      this.#waiting += (end - at) / hashBytes;
      if (this.#waiting === waitingLeavesMax) this.#extend();
      at = end;
    }
  }

  /** Returns the root in the rfc6962 profile. */
  root(): Hash {
    this.#extend();
    return frontierRoot(this.#log, "rfc6962", this.#hasher);
  }

  seedRoot(): Hash {
    this.#extend();
    return frontierRoot(this.#seed, "seed", this.#hasher);
  }

  #extend(): void {
    const bytes = hashBytes * this.#waiting;
    this.#waiting = 0;
    this.#log = this.#hasher.extend(this.#log, this.#logWaiting.subarray(0, bytes), "rfc6962");
    this.#seed = this.#hasher.extend(this.#seed, this.#seedWaiting.subarray(0, bytes), "seed");
  }
}
