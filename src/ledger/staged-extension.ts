import type { Frontier } from "../core/merkle/frontier.ts";
import type { LedgerError } from "../core/errors.ts";
import type { ContextState } from "./context-state.ts";
import type { Head, NewRow, Replica } from "./ports.ts";
import { PublishUnit } from "./publish-unit.ts";
import { headMoved } from "./queue-refusal.ts";
import type { IncomingRow, ReplicasParts } from "./replicas.ts";
import type { SharedContext } from "./shared-context.ts";
import { Staging, type StagedEntry } from "./staging.ts";
import { fromStoreError } from "./store-failure.ts";

export interface ExtensionUses {
  readonly check: (
    base: Head | undefined,
    rows: readonly IncomingRow[],
  ) => { entries: Omit<NewRow, "log">[]; to: Head };
  readonly share: (replica: Replica) => SharedContext;
}

/** Rows on their way into a context, in any number; seen together or not at all. */
export class StagedExtension {
  readonly #parts: ReplicasParts;
  readonly #state: ContextState;
  readonly #base: Head | undefined;
  readonly #uses: ExtensionUses;
  readonly #staging: Staging;
  #to: Head | undefined;
  #frontier: Frontier | undefined;

  constructor(parts: ReplicasParts, state: ContextState, uses: ExtensionUses) {
    this.#parts = parts;
    this.#state = state;
    this.#base = state.local;
    this.#to = state.local;
    this.#uses = uses;
    this.#staging = new Staging(parts, state.local?.log);
  }

  /** Adds the next rows. Throws like {@link Replicas.extend}. */
  async add(rows: readonly IncomingRow[]): Promise<void> {
    this.#frontier ??= await this.#parts
      .trees()
      .frontier({ log: this.#base?.log ?? 0, size: this.#base?.latest ?? 0 });
    const { entries, to } = this.#uses.check(this.#to, rows);
    this.#to = { ...to, log: this.#staging.log };
    const leaves = new Uint8Array(32 * rows.length);
    for (const [index, { contentHash }] of rows.entries()) leaves.set(contentHash, 32 * index);
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
    const shared = this.#uses.share(replica);
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
