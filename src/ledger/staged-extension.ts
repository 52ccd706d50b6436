import type { LedgerError } from "../core/errors.ts";
import { hashBytes, type Hasher } from "../core/hasher.ts";
import type { Frontier } from "../core/merkle/frontier.ts";
import type { Committer } from "./committer.ts";
import type { ContextState } from "./context-state.ts";
import { checkedRows, type IncomingRow } from "./incoming-rows.ts";
import type { Clock, Head, NewRow, Replica, Store } from "./ports.ts";
import { PublishUnit } from "./publish-unit.ts";
import { headMoved } from "./queue-refusal.ts";
import type { SharedContext } from "./shared-context.ts";
import { type StagedEntry, Staging } from "./staging.ts";
import { fromStoreError } from "./store-failure.ts";
import type { Trees } from "./trees.ts";

export interface StagedExtensionParts {
  readonly store: Store;
  readonly committer: Committer;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly trees: () => Trees;
  /** Makes the context a shared one, just before `replica` is written. */
  readonly share: (replica: Replica) => SharedContext;
}

/** Rows on their way into a context, in any number; seen together or not at all. */
export class StagedExtension {
  readonly #parts: StagedExtensionParts;
  readonly #state: ContextState;
  readonly #base: Head | undefined;
  readonly #staging: Staging;
  #to: Head | undefined;
  #frontier: Frontier | undefined;

  constructor(parts: StagedExtensionParts, state: ContextState) {
    this.#parts = parts;
    this.#state = state;
    this.#base = state.local;
    this.#to = state.local;
    this.#staging = new Staging(parts, state.local?.log);
  }

  /** Adds the next rows. Throws INVALID_ARGUMENT PEER_ROWS_INVALID if one does not have its hash or its place. */
  async add(rows: readonly IncomingRow[]): Promise<void> {
    this.#frontier ??= await this.#parts
      .trees()
      .frontier({ log: this.#base?.log ?? 0, size: this.#base?.latest ?? 0 });
    const { entries, to } = checkedRows(this.#parts, this.#state.id, this.#to, rows);
    this.#to = { ...to, log: this.#staging.log };
    const leaves = new Uint8Array(hashBytes * rows.length);
    for (const [index, { contentHash }] of rows.entries()) leaves.set(contentHash, hashBytes * index);
    this.#frontier = this.#parts.hasher.extend(this.#frontier, leaves, "rfc6962");
    await this.#staging.add(entries.map(toStaged));
  }

  /** The edge of the tree with everything added, once something was. */
  get frontier(): Frontier | undefined {
    return this.#frontier;
  }

  /** Makes everything added the context's, with `replica`, if the context is as it was when this began. */
  async publish(replica: Replica): Promise<void> {
    const to = this.#to;
    if (to === undefined || to.latest === (this.#base?.latest ?? 0)) return;
    const shared = this.#parts.share(replica);
    try {
      await this.#staging.flush();
      await new Promise<void>((resolve, reject) => {
        const refuse = (): LedgerError => headMoved(this.#state.id);
        this.#parts.committer.enqueue(
          new PublishUnit({ state: this.#state, base: this.#base, to, replica, refuse, resolve, reject }),
        );
      });
    } catch (error) {
      throw fromStoreError(error);
    }
    this.#staging.published(undefined);
    shared.replica = replica;
  }

  /** Forgets what was added, unless it was published. */
  discard(): void {
    this.#staging.discardUnlessPublished();
  }
}

function toStaged({ sequence, key, contentHash, wire, findableId }: Omit<NewRow, "log">): StagedEntry {
  return { sequence, id: findableId, key, contentHash, wire };
}
