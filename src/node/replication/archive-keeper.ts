import { asError } from "../../core/as-error.ts";
import { type Epoch, sameEpoch } from "../../core/epoch.ts";
import { decodeEntry } from "../../core/entry-wire.ts";
import { limits } from "../../core/limits.ts";
import type { Archive, StoredEntry } from "../../ledger/ports.ts";
import type { OfferRequest } from "../../sync/peer-messages.ts";
import { homeOf } from "../../sync/view.ts";
import { askHolding } from "./ask-holding.ts";
import type { ContextReplica } from "./context-replica.ts";
import { type ReplicationParts, replicationTiming } from "./parts.ts";
import { notHome } from "./refusals.ts";
import { RetriedWork } from "./retried-work.ts";
import { Turns } from "./turns.ts";

export interface ArchiveKeeperParts extends ReplicationParts {
  readonly open: (contextId: string) => Promise<ContextReplica>;
  readonly lead: (contextId: string) => Promise<void>;
  /** Sees to it that a node knows of the forks of a context. */
  readonly tellForks: (contextId: string, nodeId: string) => Promise<void>;
  /** Appends entries that lost their place, those that are there excepted. */
  readonly appendMoved: (contextId: string, lost: readonly StoredEntry[]) => Promise<void>;
}

const retryMsMax = 30_000;

/**
 * Offers what lost its place here to the home of its context, again and again, until all of it is in the committed history
 * there; and is, where this node is the home, whom others offer theirs.
 */
export class ArchiveKeeper {
  readonly #parts: ArchiveKeeperParts;
  readonly #merging = new Turns();
  readonly #offering: RetriedWork;
  #pending = 0;

  constructor(parts: ArchiveKeeperParts) {
    this.#parts = parts;
    const { clock, random, timing = replicationTiming } = parts;
    const { retryMsMin } = timing;
    this.#offering = new RetriedWork({ clock, random, work: () => this.#offerAll(), retryMsMin, retryMsMax });
  }

  /** Archives that were not settled when they were last offered. */
  get pending(): number {
    return this.#pending;
  }

  /** There may be something to offer. */
  wake(): void {
    this.#offering.wake();
  }

  stop(): void {
    this.#offering.stop();
  }

  /**
   * Takes what another holder, or this one, has archived; returns if all of it is in the committed history. Rejects with
   * UNAVAILABLE if that one has the history of another epoch: it may be about to lose entries that have their place before these.
   */
  async offered({ contextId, forkedAfter, epoch, rows }: OfferRequest): Promise<boolean> {
    await this.#parts.lead(contextId);
    return await this.#merging.run(async () => {
      const { state, lead } = await this.#parts.open(contextId);
      if (lead === undefined || !sameEpoch(lead.epoch, epoch)) throw notHome(contextId);
      const damaged = new Set(this.#parts.replicas.damagedIn(contextId, rows));
      const { ids, isReadable } = rowsById(rows);
      let after = Math.min(forkedAfter, state.local?.latest ?? 0);
      const through = state.local?.latest ?? 0;
      while (after < through && ids.size > 0) {
        const page = await this.#parts.replicas.rows(state, {
          after,
          through,
          bytesMax: limits.replicaPageBytes,
        });
        if (page.length === 0) return false;
        for (const { wire } of page) ids.delete(decodeEntry(wire).id);
        after += page.length;
        await this.#parts.clock.yield();
      }
      // What is not what was acknowledged must not be acknowledged again; it stays where it is.
      const lost = [...ids.values()].filter(({ sequence }) => !damaged.has(sequence));
      if (lost.length > 0) await this.#parts.appendMoved(contextId, lost);
      return isReadable && lost.length === ids.size && (state.head?.latest ?? 0) >= through;
    });
  }

  /** Returns true if nothing is left to offer. */
  async #offerAll(): Promise<boolean> {
    try {
      const { replicas } = this.#parts;
      const archives = await replicas.archives(undefined);
      this.#pending = archives.length;
      let isOver = archives.length < limits.archivesListedMax;
      for (const contextId of new Set(archives.map((archive) => archive.contextId)))
        if (!(await this.#offerOf(contextId))) isOver = false;
      return isOver;
    } catch (error) {
      this.#parts.log.debug("archives were not offered", { error: asError(error).message });
      return false;
    }
  }

  /** Offers what a context lost, in the order of its places; returns true if nothing of it is left. */
  async #offerOf(contextId: string): Promise<boolean> {
    for (;;) {
      const archive = await this.#next(contextId);
      if (archive === undefined) return true;
      if (!(await this.#offer(archive))) return false;
      await this.#parts.replicas.settleArchives([archive]);
      this.#pending = Math.max(0, this.#pending - 1);
    }
  }

  /** What had its place before the rest: what was archived later, because an earlier part of the history lost its place too, came before. */
  async #next(contextId: string): Promise<Archive | undefined> {
    const archives = await this.#parts.replicas.archives(contextId);
    const [first] = archives.toSorted((a, b) => a.first - b.first || a.log - b.log);
    return first;
  }

  /**
   * The epoch whose history this node has. A former holder is told of none any more, and goes by the home's: what it has not
   * found lost yet may come after what it offers.
   */
  async #epochOf({ contextId, terms }: ContextReplica, home: string): Promise<Epoch | undefined> {
    if (terms?.leaving !== true) return terms?.accepted;
    return (await askHolding(this.#parts, home, contextId))?.accepted;
  }

  async #offer(archive: Archive): Promise<boolean> {
    const { contextId, first, last } = archive;
    const { replicas, view, peers } = this.#parts;
    try {
      const replica = await this.#parts.open(contextId);
      const home = replica.terms && homeOf(replica.terms.holders, view);
      if (home === undefined) return false;
      if (home === view.selfId) await this.#parts.lead(contextId);
      else await this.#parts.tellForks(contextId, home);
      const epoch = await this.#epochOf(replica, home);
      // To come to that epoch this node may have lost something else, which goes first.
      const next = await this.#next(contextId);
      if (epoch === undefined || next?.log !== archive.log) return false;
      let isSettled = true;
      for (let after = first - 1; after < last;) {
        const rows = await replicas.archived(archive, after, limits.offerBytesMax);
        if (rows.length === 0) return false;
        const offer = { contextId, forkedAfter: first - 1, epoch, rows };
        const settled =
          home === view.selfId
            ? await this.offered(offer)
            : (await peers.call(home, "offer", offer, { timeoutMs: offerMs })).settled;
        if (!settled) isSettled = false;
        after += rows.length;
      }
      return isSettled;
    } catch (error) {
      this.#parts.log.debug("an archive was not taken", {
        context: contextId,
        error: asError(error).message,
      });
      return false;
    }
  }
}

const offerMs = 30_000;

/** Returns rows by the ids of their entries, and if every row has one that can be read. */
function rowsById(rows: OfferRequest["rows"]): {
  readonly ids: Map<string, StoredEntry>;
  readonly isReadable: boolean;
} {
  const ids = new Map<string, StoredEntry>();
  let isReadable = true;
  for (const row of rows) {
    try {
      ids.set(decodeEntry(row.wire).id, row);
    } catch {
      isReadable = false;
    }
  }
  return { ids, isReadable };
}
