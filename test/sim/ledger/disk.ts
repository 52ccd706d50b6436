import type { Commit, CommitOutcome, Store } from "../../../src/ledger/ports.ts";
import { StoreError } from "../../../src/ledger/ports.ts";
import { createMemoryStore } from "../../../src/store/memory-store.ts";
import { unhex } from "../../../src/core/hex.ts";
import type { SeededRandom } from "../harness/seeded-random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A disk: it outlives the processes that use it. */
export class Disk {
  readonly #store: Store;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  /** Contexts that were ever written, to find what a crash left. */
  readonly #contextIds = new Set<string>();
  #life = 0;
  /** Nothing can be written. */
  isFull = false;

  constructor(nodeId: string, time: VirtualTime, random: SeededRandom) {
    this.#store = createMemoryStore(unhex(nodeId));
    this.#time = time;
    this.#random = random;
  }

  /** Opens the store for a new process; what an earlier one has under way is written or lost, and nobody is told. */
  async open(): Promise<Store> {
    this.#life += 1;
    const life = this.#life;
    for (const contextId of this.#contextIds) {
      const head = await this.#store.head(contextId);
      if (head !== undefined) while (await this.#store.discard(head.log, head.latest));
    }
    const isOpen = (): boolean => this.#life === life;
    return new Proxy(this.#store, {
      get: (store, name) => {
        if (name === "commit") return (commit: Commit) => this.#commit(commit, isOpen);
        const value: unknown = Reflect.get(store, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (!isOpen()) return new Promise(() => {});
          return Reflect.apply(value, store, args) as unknown;
        };
      },
    });
  }

  /** What is on the disk, whoever runs. */
  get contents(): Store {
    return this.#store;
  }

  async #commit(commit: Commit, isOpen: () => boolean): Promise<CommitOutcome> {
    if (!isOpen()) return await new Promise(() => {});
    if (this.isFull) throw new StoreError("full", "the disk is full");
    await this.#time.sleep(this.#random.between(0.1, 2));
    // A crash in the middle: the record had reached the disk, or not.
    if (!isOpen()) return await new Promise(() => {});
    for (const { contextId } of commit.heads) this.#contextIds.add(contextId);
    const outcome = await this.#store.commit(commit);
    await this.#time.sleep(this.#random.between(0, 0.5));
    return isOpen() ? outcome : await new Promise(() => {});
  }
}
