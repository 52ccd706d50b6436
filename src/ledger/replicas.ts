import { assert } from "../core/assert.ts";
import { compareCodePoints } from "../core/entry.ts";
import type { Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import type { Frontier } from "../core/merkle/frontier.ts";
import type { NodeRun } from "../core/merkle/range-diff.ts";
import type { CommitExtras } from "./commit-extras.ts";
import type { Committer } from "./committer.ts";
import type { ContextState } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import type { DamageList } from "./damage-list.ts";
import { commitExtras } from "./extras-unit.ts";
import { newForks } from "./fork-records.ts";
import type { Generations } from "./generations.ts";
import { checkedRows, type IncomingRow } from "./incoming-rows.ts";
import type { Archive, Clock, ForkRecord, Head, NewRow, Replica, Store, StoredEntry } from "./ports.ts";
import { headMoved } from "./queue-refusal.ts";
import { ExtendUnit, ReplicaUnit, truncatedHead } from "./replica-units.ts";
import { Repairs } from "./repairs.ts";
import { SharedContext, type SharedContextObserver, type SharedContextViewer } from "./shared-context.ts";
import { StagedExtension } from "./staged-extension.ts";
import { fromStoreError } from "./store-failure.ts";
import type { Trees } from "./trees.ts";
import type { Verification } from "./verification.ts";
import { judgeRows } from "./verification-rows.ts";

export interface ReplicasObserver extends SharedContextObserver {
  /** What is stored of a context is about to become something else; `before` is undefined if there was nothing. */
  replacing(contextId: string, before: Replica | undefined): void;
}

export interface ReplicasParts {
  readonly store: Store;
  readonly contexts: ContextTable;
  readonly committer: Committer;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly trees: () => Trees;
  readonly damage: DamageList;
  readonly verification: Pick<Verification, "steps">;
  readonly generations: () => Generations;
  readonly viewer: SharedContextViewer & {
    /** This node has no copy of the context any more. */
    readonly dropped: (state: ContextState) => void;
  };
  /** What is stored of a context is not what a running verification has begun with. */
  readonly changed: (contextId: string) => void;
}

/**
 * What replication may do with the contexts of this node. It checks what it is given against its hashes, and leaves every
 * decision to its caller, who never changes one context in two ways at the same time. Methods throw LedgerError.
 */
export class Replicas {
  /** Mends what is damaged. */
  readonly repairs: Repairs;
  readonly #parts: ReplicasParts;
  #observer: ReplicasObserver = { stored: () => {}, replacing: () => {} };

  constructor(parts: ReplicasParts) {
    this.#parts = parts;
    this.repairs = new Repairs({ ...parts, write: (state, extras) => this.#amend(state, extras) });
  }

  /** Learns what is stored of shared contexts from now on. */
  observe(observer: ReplicasObserver): void {
    this.#observer = observer;
  }

  /** Returns a context, which stays in memory until it is given back by {@link release}. */
  async acquire(contextId: string): Promise<ContextState> {
    try {
      const state = await this.#parts.contexts.load(contextId);
      state.pins += 1;
      return state;
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  release(state: ContextState): void {
    state.pins -= 1;
  }

  /** Makes a context one that others keep too, as `replica` says; its entries are seen as far as they are committed. */
  share(state: ContextState, replica: Replica): SharedContext {
    state.shared ??= new SharedContext({
      state,
      replica,
      observer: { stored: (changed, rows) => this.#observer.stored(changed, rows) },
      viewer: this.#parts.viewer,
    });
    return state.shared;
  }

  /** Writes what this node has promised and accepted; it counts from when that is on disk. */
  async save(state: ContextState, replica: Replica): Promise<void> {
    this.#replacing(state, replica);
    await this.#unit(state, { replicas: [replica] }, () => {
      this.share(state, replica).replica = replica;
    });
  }

  /**
   * Adds rows after the newest entry and writes `replica` with them. Throws INVALID_ARGUMENT PEER_ROWS_INVALID if a row does
   * not have its hash or its place.
   */
  async extend(state: ContextState, rows: readonly IncomingRow[], replica: Replica): Promise<void> {
    const base = state.local;
    const { entries, to, bytes } = checkedRows(this.#parts, state.id, base, rows);
    const log = to.log;
    const newRows: NewRow[] = entries.map((entry) => ({ ...entry, log }));
    this.#replacing(state, replica);
    this.share(state, replica);
    await new Promise<void>((resolve, reject) => {
      this.#parts.committer.enqueue(
        new ExtendUnit(state, { base, to, rows: newRows, replica, bytes }, { resolve, reject }),
      );
    }).catch((error: unknown) => Promise.reject(fromStoreError(error)));
    this.share(state, replica).replica = replica;
  }

  /** Begins to add many rows, which nobody sees before {@link StagedExtension.publish}. */
  stage(state: ContextState): StagedExtension {
    return new StagedExtension(
      {
        ...this.#parts,
        share: (replica) => {
          this.#replacing(state, replica);
          return this.share(state, replica);
        },
      },
      state,
    );
  }

  /**
   * Takes the entries after `after` out of the context, into its archive, and writes `replica` and `fork` with that; begins a
   * new generation of its checkpoints if some of them were signed. Nothing of the context may be queued.
   */
  async truncate(
    state: ContextState,
    after: number,
    { replica, fork }: { replica: Replica; fork: ForkRecord | undefined },
  ): Promise<void> {
    const from = state.local;
    assert(from !== undefined && after < from.latest, "there is something to take out");
    const { store, clock, damage, generations, changed, trees } = this.#parts;
    const shared = this.share(state, replica);
    // A read in between would find entries missing.
    const wasSeen = shared.hide(after);
    changed(state.id);
    try {
      const last = after === 0 ? undefined : await this.#entry(state, after);
      const to =
        last === undefined ? undefined : truncatedHead(from, after, await this.#sumsAt(state, last, from));
      const truncation = {
        ...{ contextId: state.id, from, to, archive: store.newLog() },
        ...{ accepted: replica.accepted, archivedAtNs: clock.nowNs() },
      };
      this.#replacing(state, replica);
      const forks = fork === undefined ? [] : [fork];
      await generations().rewound(state, { after, wasSeen }, (signed) =>
        this.#unit(state, { truncations: [truncation], replicas: [replica], forks, signed }, () => {
          state.local = to;
          state.planned = to;
          trees().forget(from.log);
          changed(state.id);
          shared.replica = replica;
          shared.cut(after);
        }),
      );
    } catch (error) {
      this.#parts.committer.doubt(state);
      throw fromStoreError(error);
    } finally {
      trees().forget(from.log);
    }
    await damage.forget(from.log);
  }

  /**
   * Deletes this node's copy of a context; archives and forks stay. Should this node keep it again, its checkpoints are of a
   * new generation then. Nothing of the context may be queued.
   */
  async drop(state: ContextState): Promise<void> {
    const from = state.local;
    // What was promised outlives the entries: others may still ask this node to promise them something.
    const { shared } = state;
    assert(shared !== undefined, "only copies that others have too are given up");
    const promises: Replica = { ...shared.replica, committed: 0, leaving: true, digestItem: undefined };
    const { generations, viewer, changed, trees } = this.#parts;
    this.#replacing(state, undefined);
    const drop = { contextId: state.id, from };
    await generations().dropped(state, (signed) =>
      this.#unit(state, { drops: [drop], replicas: [promises], signed }, () => {
        state.local = undefined;
        state.planned = undefined;
        state.head = undefined;
        state.tree = undefined;
        shared.replica = promises;
        shared.stored(undefined);
        state.cuts += 1;
        changed(state.id);
        viewer.dropped(state);
      }),
    );
    if (from === undefined) return;
    trees().forget(from.log);
    void this.#discard(from.log);
  }

  /** Reads entries of this node's copy, seen or not: at least one if there is one. */
  async rows(
    state: ContextState,
    range: { after: number; through: number; bytesMax: number },
  ): Promise<StoredEntry[]> {
    const log = state.local?.log;
    if (log === undefined) return [];
    return await this.#read(log, range);
  }

  /** Reads entries of an archive. */
  async archived(archive: Archive, after: number, bytesMax: number): Promise<StoredEntry[]> {
    return await this.#read(archive.log, { after, through: archive.last, bytesMax });
  }

  /** Returns the edge of the tree over the first `size` entries of this node's copy. Throws DATA_LOSS. */
  async frontier(state: ContextState, size: number): Promise<Frontier> {
    return await this.#parts.trees().frontier({ log: state.local?.log ?? 0, size });
  }

  /** Returns the packed hashes of complete nodes of the tree over the first `size` entries. */
  async nodes(state: ContextState, size: number, runs: readonly NodeRun[]): Promise<Uint8Array> {
    return await this.#parts.trees().runs({ log: state.local?.log ?? 0, size }, runs);
  }

  /** Returns the sequences of entries in a page that do not have their hash. */
  damagedIn(contextId: string, rows: readonly StoredEntry[]): number[] {
    return judgeRows(contextId, rows, this.#parts.hasher)
      .filter(({ problem }) => problem !== undefined)
      .map(({ sequence }) => sequence);
  }

  async replica(contextId: string): Promise<Replica | undefined> {
    return await this.#asked(() => this.#parts.store.replica(contextId));
  }

  async replicas(startAfter: string, limit: number): Promise<readonly Replica[]> {
    return await this.#asked(() => this.#parts.store.replicas(startAfter, limit));
  }

  /**
   * Returns the ids of contexts that this node has entries of, or has promised something about, in the order of their bytes,
   * `startAfter` exclusive.
   */
  async contextIds(startAfter: string, limit: number): Promise<readonly string[]> {
    const { store } = this.#parts;
    const entries = await this.#asked(() => store.list({ prefix: "", startAfter, limit }));
    const ids = new Set(entries.map(({ contextId }) => contextId));
    for (const { contextId } of await this.replicas(startAfter, limit)) ids.add(contextId);
    return [...ids].sort(compareCodePoints).slice(0, limit);
  }

  async archives(contextId: string | undefined): Promise<readonly Archive[]> {
    return await this.#asked(() => this.#parts.store.archives(contextId, limits.archivesListedMax));
  }

  async forks(contextId: string | undefined, limit: number): Promise<readonly ForkRecord[]> {
    return await this.#asked(() => this.#parts.store.forks(contextId, limit));
  }

  /**
   * Keeps forks of one context that another node knows of. What is known already is not written again; returns if there was
   * anything else.
   */
  async recordForks(contextId: string, forks: readonly ForkRecord[]): Promise<boolean> {
    if (forks.length === 0) return false;
    const known = await this.forks(contextId, limits.forksPerContextMax);
    const news = newForks(known, forks);
    if (news.length > 0) await commitExtras(this.#parts.committer, { forks: news });
    return news.length > 0;
  }

  /** Deletes archives of which everything is in the history again. */
  async settleArchives(archives: readonly Archive[]): Promise<void> {
    await commitExtras(this.#parts.committer, { settled: archives.map(({ log }) => log) });
    for (const { log } of archives) void this.#discard(log);
  }

  /** Writes what mends a context; what anti-entropy has of it is worked out anew. */
  async #amend(state: ContextState, extras: Pick<CommitExtras, "repairs" | "subtrees">): Promise<void> {
    const { shared } = state;
    const replica = shared && { ...shared.replica, digestItem: undefined };
    if (replica !== undefined) this.#replacing(state, replica);
    await this.#unit(state, { ...extras, replicas: replica === undefined ? [] : [replica] }, () => {
      if (shared !== undefined && replica !== undefined) shared.replica = replica;
      this.#parts.trees().forget(state.local?.log ?? 0);
      state.tree = undefined;
    });
  }

  /** What is written with a digest of its own is no news. */
  #replacing(state: ContextState, replica: Replica | undefined): void {
    if (replica?.digestItem === undefined) this.#observer.replacing(state.id, state.shared?.replica);
  }

  /** Writes a unit that holds the context's place in the queue. */
  async #unit(
    state: ContextState,
    extras: ConstructorParameters<typeof ReplicaUnit>[1],
    onDisk: () => void,
  ): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#parts.committer.enqueue(new ReplicaUnit(state, extras, onDisk, { resolve, reject }));
      });
    } catch (error) {
      this.#parts.committer.doubt(state);
      throw fromStoreError(error);
    }
  }

  async #entry(state: ContextState, sequence: number): Promise<StoredEntry> {
    const [entry] = await this.rows(state, { after: sequence - 1, through: sequence, bytesMax: 1 });
    if (entry === undefined) throw headMoved(state.id);
    return entry;
  }

  /**
   * What the head of a shorter history says: the Lamport clock may only be kept, since nobody remembers what it was there.
   * Reads what is taken out.
   */
  async #sumsAt(
    state: ContextState,
    last: StoredEntry,
    from: Head,
  ): Promise<Pick<Head, "lamport" | "appendedAtNs" | "bytes">> {
    const { hasher, clock } = this.#parts;
    const [verdict] = judgeRows(state.id, [last], hasher);
    let { bytes } = from;
    for (let at = last.sequence; at < from.latest; await clock.yield()) {
      const range = { after: at, through: from.latest, bytesMax: limits.replicaPageBytes };
      const page = await this.rows(state, range);
      const end = page.at(-1);
      if (end === undefined) break;
      for (const { content } of judgeRows(state.id, page, hasher)) bytes -= content?.bytes ?? 0;
      at = end.sequence;
    }
    const appendedAtNs = verdict?.content?.appendedAtNs ?? from.appendedAtNs;
    return { lamport: from.lamport, appendedAtNs, bytes };
  }

  async #read(
    log: number,
    { after, through, bytesMax }: { after: number; through: number; bytesMax: number },
  ): Promise<StoredEntry[]> {
    const range = { log, after, through, bytesMax, entriesMax: limits.replicaPageEntries };
    return await this.#asked(() => this.#parts.store.read(range));
  }

  async #discard(log: number): Promise<void> {
    const { store, clock } = this.#parts;
    try {
      while (await store.discard(log, 0)) await clock.yield();
    } catch {
      // The next start finds what is left.
    }
  }

  async #asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      throw fromStoreError(error);
    }
  }
}
