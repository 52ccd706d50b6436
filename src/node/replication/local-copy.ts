import { type Epoch, noEpoch } from "../../core/epoch.ts";
import { hashBytes } from "../../core/hasher.ts";
import { type Frontier, frontierRoot } from "../../core/merkle/frontier.ts";
import type { ContextState } from "../../ledger/context-state.ts";
import type { Replica, StoredEntry } from "../../ledger/ports.ts";
import type { Holding, Position } from "../../sync/peer-messages.ts";
import { hasBegun, type HolderView, type Terms, termsOf } from "../../sync/terms.ts";
import type { ReplicationParts } from "./parts.ts";

const nothing = new Uint8Array();
const noTerms: Terms = { holders: [], promised: noEpoch, accepted: noEpoch, committed: 0, leaving: false };

/** One context as this node has it: entries, the root over them, and what was promised and accepted. */
export class LocalCopy {
  readonly contextId: string;
  readonly state: ContextState;
  readonly #parts: ReplicationParts;
  /** The edge of the tree over all entries, if it is known. */
  #tip: { readonly frontier: Frontier; readonly root: Uint8Array } | undefined;

  constructor(parts: ReplicationParts, state: ContextState) {
    this.contextId = state.id;
    this.state = state;
    this.#parts = parts;
  }

  get latest(): number {
    return this.state.local?.latest ?? 0;
  }

  /** The newest entry that may be seen, which is committed. */
  get committed(): number {
    return this.state.head?.latest ?? 0;
  }

  get terms(): Terms | undefined {
    const { selfId } = this.#parts.view;
    return termsOf({ selfId, latest: this.latest, root: nothing, terms: this.state.shared?.replica });
  }

  /** True if this copy counts. */
  get isHolder(): boolean {
    const { terms } = this;
    if (terms === undefined || terms.leaving || !hasBegun(terms)) return false;
    return terms.holders.includes(this.#parts.view.selfId);
  }

  /** What is written, or would be, of what was promised and accepted. */
  get replica(): Replica | undefined {
    return this.state.shared?.replica ?? (this.terms && this.replicaOf(this.terms));
  }

  /** Where the entries end, if that is known without a look at the store. */
  get tip(): Position | undefined {
    const tip = this.#tip;
    return tip?.frontier.size === this.latest ? { latest: this.latest, root: tip.root } : undefined;
  }

  /** Where the entries end. */
  async position(): Promise<Position> {
    for (;;) {
      const known = this.tip;
      if (known !== undefined) return known;
      const { latest } = this;
      const frontier = await this.#parts.replicas.frontier(this.state, latest);
      if (this.latest === latest) this.#setTip(frontier);
    }
  }

  /** The local head has moved; `rows` are the entries in between, if they are at hand. */
  moved(rows: readonly StoredEntry[] | undefined): void {
    const tip = this.#tip;
    if (rows === undefined || tip === undefined || tip.frontier.size + rows.length !== this.latest) {
      this.#tip = undefined;
      return;
    }
    const leaves = new Uint8Array(hashBytes * rows.length);
    for (const [index, { contentHash }] of rows.entries()) leaves.set(contentHash, hashBytes * index);
    this.#setTip(this.#parts.hasher.extend(tip.frontier, leaves, "rfc6962"));
  }

  async view(): Promise<HolderView> {
    const position = await this.position();
    return { ...position, selfId: this.#parts.view.selfId, terms: this.state.shared?.replica };
  }

  async holding(): Promise<Holding> {
    const position = await this.position();
    const { holders, promised, accepted, leaving, committed } = this.terms ?? noTerms;
    // What is seen is committed, also if that is not written yet.
    return {
      ...position,
      holders,
      promised,
      accepted,
      committed: Math.max(committed, this.committed),
      leaving,
    };
  }

  async save(terms: Terms): Promise<void> {
    await this.#parts.replicas.save(this.state, this.replicaOf(terms));
  }

  replicaOf({ holders, promised, accepted, committed, leaving }: Terms): Replica {
    const { contextId } = this;
    return { contextId, holders, promised, accepted, committed, leaving, digestItem: undefined };
  }

  /** What is written once the history of `epoch` is here. */
  accepted(holders: readonly string[], epoch: Epoch, committed: number): Replica {
    return this.replicaOf({ holders, promised: epoch, accepted: epoch, committed, leaving: false });
  }

  #setTip(frontier: Frontier): void {
    this.#tip = { frontier, root: frontierRoot(frontier, "rfc6962", this.#parts.hasher) };
  }
}
