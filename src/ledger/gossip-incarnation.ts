/**
 * The incarnation of this node in gossip, which must never go back: others would not believe a node whose clock was set
 * back and that announces less than it did before.
 *
 * @module
 */

import type { LedgerError } from "../core/errors.ts";
import type { Committer } from "./committer.ts";
import { commitExtras } from "./extras-unit.ts";
import type { Clock, Store } from "./ports.ts";
import { fromStoreError } from "./store-failure.ts";

/** Incarnations on the wire have 32 bits. */
const incarnationMax = 0xffff_ffff;
/** How far what is stored is ahead of what is announced, so that few announcements wait for the disk. */
const reserved = 64;

export class GossipIncarnation {
  readonly #store: Pick<Store, "gossipIncarnation">;
  readonly #committer: Committer;
  readonly #clock: Pick<Clock, "nowNs">;
  #announced = 0;
  #stored = 0;

  constructor(parts: {
    store: Pick<Store, "gossipIncarnation">;
    committer: Committer;
    clock: Pick<Clock, "nowNs">;
  }) {
    this.#store = parts.store;
    this.#committer = parts.committer;
    this.#clock = parts.clock;
  }

  /**
   * Returns what to begin with: the unix time in seconds, or more if this node may have announced that already. Resolves
   * once it is on disk, or cannot be written. Rejects with LedgerError if what is stored cannot be read.
   */
  async begin(): Promise<number> {
    try {
      this.#stored = Math.max(this.#stored, await this.#store.gossipIncarnation());
    } catch (error) {
      throw fromStoreError(error);
    }
    const before = Math.max(this.#stored, this.#announced);
    const seconds = Number(this.#clock.nowNs() / 1_000_000_000n);
    const first = Math.min(incarnationMax, Math.max(seconds, before + 1));
    await this.announced(first);
    return first;
  }

  /** Takes note of what is announced. Never rejects: resolves with why it could not be written, if that was needed. */
  async announced(incarnation: number): Promise<LedgerError | undefined> {
    this.#announced = Math.max(this.#announced, incarnation);
    if (this.#announced <= this.#stored) return undefined;
    const gossipIncarnation = Math.min(incarnationMax, this.#announced + reserved);
    try {
      await commitExtras(this.#committer, { gossipIncarnation });
      this.#stored = Math.max(this.#stored, gossipIncarnation);
      return undefined;
    } catch (error) {
      return fromStoreError(error);
    }
  }
}
