import {
  type Archive,
  type Commit,
  type CommitOutcome,
  type ForkRecord,
  type Head,
  type ListRange,
  type ReadRange,
  type RepeatedId,
  type Replica,
  type RosterMember,
  type SignedHead,
  type Store,
  type StoredEntry,
  StoreError,
  type StoreFailure,
  type Totals,
} from "../../src/ledger/ports.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";

/** What becomes of one commit. Only of an `unknown` one can the rows have been written. */
export type CommitFault =
  | { readonly kind: "fails"; readonly failure: StoreFailure; readonly written: boolean }
  | { readonly kind: "head-moved" };

/** A store in memory whose commits fail, wait and are counted as a test says. */
export class FaultyStore implements Store {
  readonly commits: Commit[] = [];
  /** How long the fsync of every commit is said to take. */
  syncMicros = 0;
  readonly discarded: number[] = [];
  readonly reads: ReadRange[] = [];
  /** What becomes of the next commits, first one first; undefined is success. */
  readonly faults: (CommitFault | undefined)[] = [];
  /** How many calls of `head` fail, as they do while a store restarts. */
  closedHeads = 0;
  /** What every read fails with; undefined if it does not. */
  readFailure: StoreFailure | undefined;
  /** Changes the answer of every `read`. */
  editPage: (page: StoredEntry[]) => StoredEntry[] = (page) => page;
  /** Called before a commit that moves a head and adds no rows, as the end of a load does. */
  whenPublishing: () => void = () => {};
  readonly #inner: Store;
  #gate: PromiseWithResolvers<void> | undefined;
  #lookupGate: PromiseWithResolvers<void> | undefined;

  constructor(inner: Store = createMemoryStore()) {
    this.#inner = inner;
  }

  /** Lets commits wait until `release`. */
  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Lets lookups by id wait, before they look, until the returned function is called. */
  holdLookups(): () => void {
    const gate = Promise.withResolvers<void>();
    this.#lookupGate = gate;
    return () => {
      this.#lookupGate = undefined;
      gate.resolve();
    };
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    this.commits.push(commit);
    if (commit.rows.length === 0 && commit.heads.length > 0) this.whenPublishing();
    await this.#gate?.promise;
    const fault = this.faults.shift();
    if (fault === undefined) {
      const outcome = await this.#inner.commit(commit);
      return outcome.kind === "committed" ? { ...outcome, syncMicros: this.syncMicros } : outcome;
    }
    if (fault.kind === "head-moved") {
      return { kind: "head-moved", contextId: commit.heads[0]?.contextId ?? "" };
    }
    if (fault.written) await this.#inner.commit(commit);
    throw new StoreError(fault.failure, `commit failed: ${fault.failure}`);
  }

  async head(contextId: string): Promise<Head | undefined> {
    if (this.closedHeads > 0) {
      this.closedHeads -= 1;
      throw new StoreError("closed", "the store is restarting");
    }
    this.#checkRead();
    return this.#inner.head(contextId);
  }

  async read(range: ReadRange): Promise<StoredEntry[]> {
    this.reads.push(range);
    this.#checkRead();
    return this.editPage(await this.#inner.read(range));
  }

  async findByIds(log: number, ids: readonly string[]): Promise<Map<string, StoredEntry>> {
    await this.#lookupGate?.promise;
    this.#checkRead();
    return this.#inner.findByIds(log, ids);
  }

  async list(range: ListRange): Promise<{ readonly contextId: string; readonly head: Head }[]> {
    this.#checkRead();
    return this.#inner.list(range);
  }

  totals(): Promise<Totals> {
    return this.#inner.totals();
  }

  async contentHashes(log: number, first: number, count: number): Promise<Uint8Array> {
    this.#checkRead();
    return this.#inner.contentHashes(log, first, count);
  }

  async subtreeRoots(log: number, level: number, first: number, count: number): Promise<Uint8Array> {
    this.#checkRead();
    return this.#inner.subtreeRoots(log, level, first, count);
  }

  async newestOfKey(log: number, key: string, through: number): Promise<StoredEntry | undefined> {
    this.#checkRead();
    return this.#inner.newestOfKey(log, key, through);
  }

  async repeatedId(log: number, after: string): Promise<RepeatedId> {
    this.#checkRead();
    return this.#inner.repeatedId(log, after);
  }

  async signedHead(contextId: string): Promise<SignedHead | undefined> {
    this.#checkRead();
    return this.#inner.signedHead(contextId);
  }

  async unlogged(limit: number): Promise<{ readonly contextId: string; readonly head: Head }[]> {
    this.#checkRead();
    return this.#inner.unlogged(limit);
  }

  async damaged(limit: number): Promise<{ readonly log: number; readonly sequence: number }[]> {
    this.#checkRead();
    return this.#inner.damaged(limit);
  }

  async nodeId(): Promise<Uint8Array> {
    this.#checkRead();
    return this.#inner.nodeId();
  }

  async roster(): Promise<readonly RosterMember[]> {
    this.#checkRead();
    return this.#inner.roster();
  }

  async gossipIncarnation(): Promise<number> {
    this.#checkRead();
    return this.#inner.gossipIncarnation();
  }

  async replica(contextId: string): Promise<Replica | undefined> {
    this.#checkRead();
    return this.#inner.replica(contextId);
  }

  async replicas(startAfter: string, limit: number): Promise<readonly Replica[]> {
    this.#checkRead();
    return this.#inner.replicas(startAfter, limit);
  }

  async archives(contextId: string | undefined, limit: number): Promise<readonly Archive[]> {
    this.#checkRead();
    return this.#inner.archives(contextId, limit);
  }

  async forks(contextId: string | undefined, limit: number): Promise<readonly ForkRecord[]> {
    this.#checkRead();
    return this.#inner.forks(contextId, limit);
  }

  newLog(): number {
    return this.#inner.newLog();
  }

  discard(log: number, after: number): Promise<boolean> {
    this.discarded.push(log);
    return this.#inner.discard(log, after);
  }

  #checkRead(): void {
    if (this.readFailure !== undefined) throw new StoreError(this.readFailure, "the read failed");
  }
}
