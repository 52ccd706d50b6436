import { unhex } from "../../../src/core/hex.ts";
import type { Commit, CommitOutcome, Store } from "../../../src/ledger/ports.ts";
import { StoreError } from "../../../src/ledger/ports.ts";
import { createMemoryStore } from "../../../src/store/memory-store.ts";
import type { SeededRandom } from "../harness/seeded-random.ts";
import type { Process } from "./process.ts";

/** A disk: it outlives the processes that use it. */
export class Disk {
  readonly #store: Store;
  readonly #random: SeededRandom;
  /** Contexts that were ever written, to find what a crash left. */
  readonly #contextIds = new Set<string>();
  /** Nothing can be written. */
  isFull = false;

  constructor(nodeId: string, random: SeededRandom) {
    this.#store = createMemoryStore(unhex(nodeId));
    this.#random = random;
  }

  /** Opens the store for a new process; what an earlier one has under way is written or lost, and nobody is told. */
  async open(process: Process): Promise<Store> {
    for (const contextId of this.#contextIds) {
      const head = await this.#store.head(contextId);
      if (head !== undefined) while (await this.#store.discard(head.log, head.latest));
    }
    return new Proxy(this.#store, {
      get: (store, name) => {
        if (name === "commit") return (commit: Commit) => this.#commit(commit, process);
        const value: unknown = Reflect.get(store, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (!process.isAlive) return new Promise(() => {});
          return Reflect.apply(value, store, args) as unknown;
        };
      },
    });
  }

  /** What is on the disk, whoever runs. */
  get contents(): Store {
    return this.#store;
  }

  async #commit(commit: Commit, process: Process): Promise<CommitOutcome> {
    if (!process.isAlive) return await new Promise(() => {});
    if (this.isFull) throw new StoreError("full", "the disk is full");
    // A crash in the middle: the record has reached the disk when it comes, or not.
    await process.sleep(this.#random.between(0.1, 2));
    for (const { contextId } of commit.heads) this.#contextIds.add(contextId);
    const outcome = await this.#store.commit(commit);
    await process.sleep(this.#random.between(0, 0.5));
    return outcome;
  }
}
