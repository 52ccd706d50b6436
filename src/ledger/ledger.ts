/**
 * The application: what a ledger can do, in terms of its ports. Every failure is a LedgerError.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { entryBytes } from "../core/entry.ts";
import type { LedgerError } from "../core/errors.ts";
import type { Hasher } from "../core/hasher.ts";
import type { Inflate } from "../core/inflate.ts";
import { limits } from "../core/limits.ts";
import { movedMetadata } from "../core/moved.ts";
import {
  type AppendInput,
  batchTooLong,
  checkAppend,
  checkBatch,
  checkContextId,
  checkKeyFilter,
  checkText,
} from "../core/validate.ts";
import type { SnapshotSummary } from "../core/snapshot/snapshot-format.ts";
import type { Appended } from "./append-unit.ts";
import { Appender } from "./appender.ts";
import { contextNotFound } from "./checkpoints.ts";
import { beginWatch, copyGone } from "./begin-watch.ts";
import { Committer } from "./committer.ts";
import type { ContextState, Origin } from "./context-state.ts";
import { ContextTable } from "./context-table.ts";
import { DamageList } from "./damage-list.ts";
import { decodeStored } from "./decode-stored.ts";
import { GossipIncarnation } from "./gossip-incarnation.ts";
import { IdSource } from "./id-source.ts";
import type {
  AppendTerms,
  ContextInfo,
  ContextPage,
  GetRequest,
  LedgerApi,
  WatchRequest,
} from "./ledger-api.ts";
import { Loader, type LoadInput, type LoadResult } from "./loader.ts";
import type { CheckpointSigner, Inclusion, Integrity } from "./integrity.ts";
import type { DamageObserver, LedgerObserver } from "./observer.ts";
import {
  type Clock,
  type ListRange,
  nodeLogId,
  type Random,
  type Store,
  type StoredEntry,
  type Totals,
  type Zstd,
} from "./ports.ts";
import { createProofs, type Proofs } from "./proofs.ts";
import { type GetResult, Reader } from "./reader.ts";
import { Replicas } from "./replicas.ts";
import { Roster } from "./roster.ts";
import { Scrubber, type ScrubReading } from "./scrubber.ts";
import { checkCopies, checkHeartbeat, checkListLimit } from "./request-checks.ts";
import { SequenceWaits } from "./sequence-waits.ts";
import { type SnapshotPart, Snapshots } from "./snapshots.ts";
import { fromStoreError } from "./store-failure.ts";
import { Verification } from "./verification.ts";
import { visiblePage } from "./visible-page.ts";
import { WatchRegistry } from "./watch-registry.ts";
import type { Watcher, WatchSink } from "./watcher.ts";

export interface LedgerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
  readonly zstd: Zstd;
  readonly inflate: Inflate;
  readonly observer: LedgerObserver & DamageObserver;
  readonly signer: CheckpointSigner;
  /** Entries verified in the background each second, once that was started; 0 means none. */
  readonly scrubRate: number;
}

export class Ledger implements LedgerApi {
  /** The nodes of the cluster. */
  readonly roster: Roster;
  /** What this node calls its newest state in gossip. */
  readonly incarnation: GossipIncarnation;
  /** The contexts of this node as replication sees them. */
  readonly replicas: Replicas;
  readonly #store: Store;
  readonly #contexts: ContextTable;
  readonly #committer: Committer;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #waits: SequenceWaits;
  readonly #watches: WatchRegistry;
  readonly #snapshots: Snapshots;
  readonly #loader: Loader;
  readonly #proofs: Proofs;
  readonly #newScrubber: () => Scrubber;
  #scrubber: Scrubber;
  readonly #hasher: Hasher;

  constructor(parts: LedgerParts) {
    const { store, clock, hasher, zstd, inflate, observer, signer } = parts;
    const origin: Origin = { clock, hasher, ids: new IdSource(parts.random), newLog: () => store.newLog() };
    this.#store = store;
    this.#hasher = hasher;
    this.#contexts = new ContextTable(store, (state, replica) => void this.replicas.share(state, replica));
    this.#waits = new SequenceWaits(clock);
    this.#watches = new WatchRegistry({ clock, read: (state, range) => this.#reader.page(state, range) });
    this.#committer = new Committer({
      store,
      clock,
      hasher,
      observer: {
        advanced: (state, rows) => this.#advanced(state, rows),
        measured: (commit) => observer.commit(commit),
      },
    });
    const kept = { store, committer: this.#committer, clock };
    this.roster = new Roster(kept);
    this.incarnation = new GossipIncarnation(kept);
    const damage = new DamageList({ store, committer: this.#committer, observer });
    this.#reader = new Reader({ store, contexts: this.#contexts, clock, damage });
    this.#appender = new Appender({ contexts: this.#contexts, committer: this.#committer, store, origin });
    this.#snapshots = new Snapshots({ contexts: this.#contexts, reader: this.#reader, clock, hasher, zstd });
    const shared = {
      store,
      contexts: this.#contexts,
      committer: this.#committer,
      reader: this.#reader,
      clock,
      hasher,
    };
    this.#loader = new Loader({ ...shared, zstd, inflate });
    const verification = new Verification({ ...shared, damage });
    this.#proofs = createProofs({ ...shared, signer, verification });
    this.replicas = new Replicas({
      ...{ ...shared, damage, verification, trees: () => this.#proofs.trees },
      generations: () => this.#proofs.generations,
      changed: (contextId) => verification.interrupt(contextId),
      viewer: {
        visible: (state, rows) => this.#advanced(state, rows),
        cut: (state, after) => this.#watches.truncated(state, after),
        dropped: (state) => this.#watches.endOf(state, copyGone()),
      },
    });
    const scrubberParts = {
      store,
      clock,
      random: parts.random,
      verification,
      damage,
      observer,
      queued: () => this.queued,
      entriesPerSecond: parts.scrubRate,
    };
    this.#newScrubber = () => new Scrubber(scrubberParts);
    this.#scrubber = this.#newScrubber();
  }

  /** What can be proven. */
  get integrity(): Integrity {
    return this.#proofs.integrity;
  }

  /** Adds one entry; resolves when it is on disk. */
  append(contextId: string, input: AppendInput, { minCopies }: AppendTerms): Promise<Appended> {
    try {
      checkContextId(contextId);
      const checked = checkAppend(input);
      checkCopies(minCopies);
      return this.#appender.append(contextId, [checked]).then(theOnly);
    } catch (error) {
      return Promise.reject(fromStoreError(error));
    }
  }

  /** Adds entries to one context, all or none; resolves when they are on disk. */
  async appendBatch(
    contextId: string,
    inputs: readonly AppendInput[],
    { minCopies }: AppendTerms,
  ): Promise<Appended[]> {
    checkContextId(contextId);
    if (inputs.length > limits.batchEntriesMax) throw batchTooLong(inputs.length);
    const checked = inputs.map(checkAppend);
    checkBatch(checked);
    checkCopies(minCopies);
    return this.#appender.append(contextId, checked);
  }

  /**
   * Appends entries again that lost their place in a fork, as new entries with their ids; those that the context has are
   * passed over. Resolves when they are committed.
   */
  async appendMoved(contextId: string, lost: readonly StoredEntry[]): Promise<void> {
    const inputs = lost.map((stored) => {
      const entry = decodeStored(stored);
      const { id, key, payload } = entry;
      const metadata = movedMetadata(entry, stored.contentHash);
      return {
        id,
        key,
        payload,
        metadata,
        receivedLamport: 0n,
        idempotencyKey: "",
        bytes: entryBytes({ ...entry, metadata }),
      };
    });
    await this.#appender.append(contextId, inputs);
  }

  /** Takes every context that has grown into the log of logs, and signs it. */
  async updateNodeLog(): Promise<void> {
    try {
      await this.#proofs.nodeLog.update();
      const state = await this.#contexts.load(nodeLogId);
      if ((state.signed?.size ?? 0) < (state.head?.latest ?? 0)) await this.#proofs.checkpoints.sign(state);
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /**
   * Proves entries that were acknowledged, each in the tree that ends with it, in ascending order. Usually at once, without a
   * look at the store.
   */
  prove(
    contextId: string,
    entries: readonly Pick<StoredEntry, "sequence" | "contentHash">[],
  ): readonly Inclusion[] | Promise<readonly Inclusion[]> {
    const state = this.#contexts.peek(contextId);
    const { entryProofs } = this.#proofs;
    const proofs =
      state === undefined
        ? this.#load(contextId).then((loaded) => entryProofs.prove(loaded, entries))
        : entryProofs.prove(state, entries);
    if (!(proofs instanceof Promise)) return proofs;
    return proofs.catch((error: unknown) => Promise.reject(fromStoreError(error)));
  }

  /** Reads entries in sequence order. `signal` ends a wait for `minSequence`. */
  async get(request: GetRequest, signal?: AbortSignal): Promise<GetResult> {
    checkContextId(request.contextId);
    checkKeyFilter(request.key);
    if (request.minSequence > 0n) {
      const state = await this.#load(request.contextId);
      await this.#waits.until(state, request.minSequence, signal);
    }
    return this.#reader.get(request);
  }

  /**
   * Begins a watch and returns it asleep; the caller wakes it when its sink is ready, resumes it when
   * the sink has room again, and closes it when its client has gone.
   */
  async watch(request: WatchRequest, sink: WatchSink): Promise<Watcher> {
    checkContextId(request.contextId);
    checkKeyFilter(request.key);
    checkHeartbeat(request.heartbeatMs);
    const state = await this.#load(request.contextId);
    const { trees } = this.#proofs;
    const parts = { reader: this.#reader, trees, watches: this.#watches, hasher: this.#hasher };
    try {
      return await beginWatch(parts, state, request, sink);
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /** Lists contexts in the byte order of their ids, each as far as its entries may be seen. */
  async list(range: ListRange): Promise<ContextPage> {
    checkText("prefix", range.prefix);
    checkText("start_after", range.startAfter);
    checkListLimit(range.limit);
    const limit = range.limit === 0 ? limits.listContextsDefault : range.limit;
    try {
      return await visiblePage({ store: this.#store, contexts: this.#contexts }, { ...range, limit });
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  async describe(contextId: string): Promise<ContextInfo> {
    checkContextId(contextId);
    const { head } = await this.#load(contextId);
    if (head !== undefined) return { contextId, head };
    throw contextNotFound(contextId);
  }

  /** Copies a context as it is now: the bytes of a version 3 snapshot, then what they hold. */
  snapshot(contextId: string): AsyncGenerator<SnapshotPart<SnapshotSummary>, void> {
    checkContextId(contextId);
    return this.#snapshots.snapshot(contextId);
  }

  /** Restores a snapshot; nothing is visible before all of it is verified. What `chunks` throws comes back as it is. */
  async load(input: LoadInput, chunks: AsyncIterable<Uint8Array>): Promise<LoadResult> {
    checkContextId(input.contextId);
    return this.#loader.load(input, chunks);
  }

  /** Sizes of the whole ledger. Throws StoreError. */
  totals(): Promise<Totals> {
    return this.#store.totals();
  }

  /** Begins to verify what is stored in the background; returns how to end that. */
  startScrub(): () => Promise<void> {
    const scrubber = this.#newScrubber();
    this.#scrubber = scrubber;
    scrubber.start();
    return () => scrubber.stop();
  }

  /** What the scrub has done since it was started, and what damage is known. */
  get scrubbed(): ScrubReading {
    return this.#scrubber.reading;
  }

  /** What waits for the disk. */
  get queued(): { readonly entries: number; readonly bytes: number } {
    return this.#committer.queued;
  }

  /** Why appends are refused, if the last commit failed not long ago. */
  get appendTrouble(): LedgerError | undefined {
    return this.#committer.trouble;
  }

  watchCounts(): ReturnType<WatchRegistry["counts"]> {
    return this.#watches.counts();
  }

  /** How many watch one context on this node. */
  watchersOf(contextId: string): number {
    const state = this.#contexts.peek(contextId);
    return state === undefined ? 0 : this.#watches.watchersOf(state);
  }

  /** Ends every watch: clients are told and may resume from their cursors. */
  endWatches(error: LedgerError): void {
    this.#watches.endAll(error);
  }

  /** Resolves when everything queued has been answered. */
  drained(): Promise<void> {
    return this.#committer.drained();
  }

  /** There is more to see of a context: `rows`, or something else if there are none. */
  #advanced(state: ContextState, rows: readonly StoredEntry[]): void {
    this.#waits.advanced(state);
    this.#watches.advanced(state, rows);
  }

  async #load(contextId: string): ReturnType<ContextTable["load"]> {
    try {
      return await this.#contexts.load(contextId);
    } catch (error) {
      throw fromStoreError(error);
    }
  }
}

function theOnly([appended]: readonly Appended[]): Appended {
  assert(appended !== undefined, "one input has one answer");
  return appended;
}
