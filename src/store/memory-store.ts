/**
 * The Store in memory: deterministic, without timers. For tests and simulations.
 *
 * @module
 */

import { hashBytes } from "../core/hasher.ts";
import { encodeUtf8 } from "../core/utf8.ts";
import type {
  Archive,
  Commit,
  CommitOutcome,
  ForkRecord,
  Head,
  ListRange,
  ReadRange,
  RepeatedId,
  Replica,
  RosterMember,
  SignedHead,
  Store,
  StoredEntry,
  Totals,
} from "../ledger/ports.ts";
import { compareBytes } from "./compare-bytes.ts";
import { MemoryHeads, movesOf } from "./memory-heads.ts";
import { MemoryIntegrity } from "./memory-integrity.ts";
import { MemoryReplicas } from "./memory-replicas.ts";
import { MemoryRoster } from "./memory-roster.ts";
import { copyOf, MemoryRows } from "./memory-rows.ts";
import { removalsOf } from "./removals.ts";
import { idsLookedAtMax, repeatedAmong } from "./repeated-id.ts";
import { StagedRows } from "./staged-rows.ts";

/** Returns an empty store. It never fails by itself and is never closed. Stores that meet need an id each. */
export function createMemoryStore(nodeId: Uint8Array = new Uint8Array(16)): Store {
  return new MemoryStore(nodeId);
}

class MemoryStore implements Store {
  readonly #heads = new MemoryHeads();
  readonly #rows = new MemoryRows();
  readonly #staged = new StagedRows();
  readonly #integrity = new MemoryIntegrity();
  readonly #roster = new MemoryRoster();
  readonly #replicas = new MemoryReplicas();
  readonly #nodeId: Uint8Array;
  #nextLog = 1;

  constructor(nodeId: Uint8Array) {
    this.#nodeId = nodeId.slice();
  }

  async head(contextId: string): Promise<Head | undefined> {
    return this.#heads.get(contextId);
  }

  async read(range: ReadRange): Promise<StoredEntry[]> {
    return this.#rows.page(range);
  }

  async findByIds(log: number, ids: readonly string[]): Promise<Map<string, StoredEntry>> {
    const found = new Map<string, StoredEntry>();
    const latest = this.#heads.latestOf(log);
    for (const id of ids) {
      const row = this.#rows.withId(log, id);
      if (row !== undefined && row.sequence <= latest) found.set(id, copyOf(row));
    }
    return found;
  }

  async list(range: ListRange): Promise<{ readonly contextId: string; readonly head: Head }[]> {
    const startAfter = encodeUtf8(range.startAfter);
    const page: { readonly contextId: string; readonly head: Head }[] = [];
    for (const { contextId, bytes } of this.#heads.inOrder()) {
      if (page.length >= range.limit) break;
      const head = this.#heads.get(contextId);
      if (head === undefined || !contextId.startsWith(range.prefix)) continue;
      // Exclusive also where it is empty, which is the id of the log of logs.
      if (compareBytes(bytes, startAfter) <= 0) continue;
      page.push({ contextId, head });
    }
    return page;
  }

  async totals(): Promise<Totals> {
    return this.#heads.totals;
  }

  async contentHashes(log: number, first: number, count: number): Promise<Uint8Array> {
    const hashes: Uint8Array[] = [];
    for (const { sequence, contentHash } of this.#rows.of(log, first - 1, first - 1 + count)) {
      if (sequence !== first + hashes.length || contentHash.length !== hashBytes) break;
      hashes.push(contentHash);
    }
    return joined(hashes);
  }

  async subtreeRoots(log: number, level: number, first: number, count: number): Promise<Uint8Array> {
    return joined([...this.#integrity.subtreeRoots(log, level, first, count)]);
  }

  async newestOfKey(log: number, key: string, through: number): Promise<StoredEntry | undefined> {
    const row = this.#rows
      .of(log)
      .findLast((candidate) => candidate.sequence <= through && candidate.key === key);
    return row === undefined ? undefined : copyOf(row);
  }

  async repeatedId(log: number, after: string): Promise<RepeatedId> {
    const first = encodeUtf8(after);
    const ids = this.#rows
      .of(log)
      .flatMap(({ findableId }) => (findableId === undefined ? [] : [encodeUtf8(findableId)]))
      .filter((id) => compareBytes(id, first) >= 0)
      .sort(compareBytes);
    return repeatedAmong(ids.slice(0, idsLookedAtMax));
  }

  async signedHead(contextId: string): Promise<SignedHead | undefined> {
    return this.#integrity.signedHead(contextId);
  }

  async unlogged(limit: number): Promise<{ readonly contextId: string; readonly head: Head }[]> {
    const found: { readonly contextId: string; readonly head: Head }[] = [];
    for (const { contextId } of this.#heads.inOrder()) {
      const head = this.#heads.get(contextId);
      if (head === undefined || !this.#integrity.isUnlogged(contextId, head.latest)) continue;
      if (found.length >= limit) break;
      found.push({ contextId, head });
    }
    return found;
  }

  async damaged(limit: number): Promise<{ readonly log: number; readonly sequence: number }[]> {
    return this.#integrity.damaged(limit);
  }

  async nodeId(): Promise<Uint8Array> {
    return this.#nodeId.slice();
  }

  async roster(): Promise<readonly RosterMember[]> {
    return this.#roster.members();
  }

  async gossipIncarnation(): Promise<number> {
    return this.#roster.incarnation;
  }

  async replica(contextId: string): Promise<Replica | undefined> {
    return this.#replicas.replica(contextId);
  }

  async replicas(startAfter: string, limit: number): Promise<readonly Replica[]> {
    return this.#replicas.replicas(startAfter, limit);
  }

  async archives(contextId: string | undefined, limit: number): Promise<readonly Archive[]> {
    return this.#replicas.archives(contextId, limit);
  }

  async forks(contextId: string | undefined, limit: number): Promise<readonly ForkRecord[]> {
    return this.#replicas.forks(contextId, limit);
  }

  newLog(): number {
    const log = this.#nextLog;
    this.#nextLog += 1;
    return log;
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    const moves = movesOf(commit);
    const moved = this.#heads.firstMoved(moves);
    if (moved !== undefined) return { kind: "head-moved", contextId: moved };
    const latestOf = (log: number): number => this.#heads.latestOf(log);
    const plan = this.#staged.plan(commit.rows, commit.heads, latestOf, removalsOf(commit));
    this.#remove(commit);
    for (const row of commit.rows) this.#rows.write(row);
    for (const move of moves) this.#heads.move(move);
    this.#staged.apply(plan);
    for (const row of commit.repairs ?? []) if (row.sequence <= latestOf(row.log)) this.#rows.repair(row);
    this.#integrity.write(commit, (log) => Math.max(latestOf(log), this.#staged.lastOf(log)));
    this.#roster.write(commit);
    this.#replicas.write(commit);
    return { kind: "committed", syncMicros: 0 };
  }

  async discard(log: number, after: number): Promise<boolean> {
    if (this.#staged.isArchive(log)) return false;
    const keep = Math.max(after, this.#heads.latestOf(log));
    this.#staged.forget(log, keep);
    this.#integrity.forget(log, keep);
    return this.#rows.discard(log, keep);
  }

  /** Takes out rows, and what belongs to them; those of dropped contexts are left to `discard`. */
  #remove({ truncations = [], drops = [] }: Commit): void {
    for (const { contextId, from, to, archive } of truncations) {
      const left = to?.latest ?? 0;
      this.#rows.archive(from.log, left, from.latest, archive);
      this.#integrity.forget(from.log, left);
      this.#integrity.unlog(contextId);
    }
    for (const { contextId, from } of drops) {
      if (from !== undefined) this.#integrity.forget(from.log, 0);
      this.#integrity.drop(contextId);
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.length * hashBytes);
  for (const [index, part] of parts.entries()) bytes.set(part, index * hashBytes);
  return bytes;
}
