/**
 * The Store in memory: deterministic, without timers. For tests and simulations.
 *
 * @module
 */

import { hashBytes } from "../core/hasher.ts";
import { encodeUtf8 } from "../core/utf8.ts";
import {
  type Commit,
  type CommitOutcome,
  type Head,
  type HeadChange,
  type ListRange,
  type NewRow,
  nodeLogId,
  type ReadRange,
  type RepeatedId,
  type RosterMember,
  type SignedHead,
  type Store,
  type StoredEntry,
  type Totals,
} from "../ledger/ports.ts";
import { compareBytes } from "./compare-bytes.ts";
import { MemoryIntegrity } from "./memory-integrity.ts";
import { MemoryRoster } from "./memory-roster.ts";
import { idsLookedAtMax, repeatedAmong } from "./repeated-id.ts";
import { StagedRows } from "./staged-rows.ts";

/** Returns an empty store. It never fails by itself and is never closed. Stores that meet need an id each. */
export function createMemoryStore(nodeId: Uint8Array = new Uint8Array(16)): Store {
  return new MemoryStore(nodeId);
}

/** Rows one `discard` deletes. Small, so that callers meet the answer "more are left". */
const discardRowsMax = 256;

interface MemoryRow extends StoredEntry {
  readonly key: string;
  readonly findableId: string | undefined;
}

interface MemoryLog {
  /** Index is sequence - 1. */
  readonly rows: MemoryRow[];
  /** The first row of each findable id. */
  readonly byId: Map<string, MemoryRow>;
}

class MemoryStore implements Store {
  readonly #heads = new Map<string, Head>();
  /** The context of each log that a head names. */
  readonly #owners = new Map<number, string>();
  readonly #logs = new Map<number, MemoryLog>();
  readonly #staged = new StagedRows();
  readonly #integrity = new MemoryIntegrity();
  readonly #roster = new MemoryRoster();
  readonly #nodeId: Uint8Array;
  /** Ids in byte order; undefined after a context was added. */
  #sorted: { readonly contextId: string; readonly bytes: Uint8Array }[] | undefined;
  #totals: Totals = { contexts: 0, entries: 0, bytes: 0 };
  #nextLog = 1;

  constructor(nodeId: Uint8Array) {
    this.#nodeId = nodeId.slice();
  }

  async head(contextId: string): Promise<Head | undefined> {
    return this.#heads.get(contextId);
  }

  async read(range: ReadRange): Promise<StoredEntry[]> {
    const rows = this.#logs.get(range.log)?.rows ?? [];
    const page: StoredEntry[] = [];
    let bytes = 0;
    for (let index = range.after; index < Math.min(range.through, rows.length); index += 1) {
      const row = rows[index];
      if (row === undefined || (range.key !== undefined && row.key !== range.key)) continue;
      if (page.length >= range.entriesMax) break;
      page.push(copyOf(row));
      bytes += row.wire.length;
      if (bytes >= range.bytesMax) break;
    }
    return page;
  }

  async findByIds(log: number, ids: readonly string[]): Promise<Map<string, StoredEntry>> {
    const found = new Map<string, StoredEntry>();
    const latest = this.#latestOf(log);
    for (const id of ids) {
      const row = this.#logs.get(log)?.byId.get(id);
      if (row !== undefined && row.sequence <= latest) found.set(id, copyOf(row));
    }
    return found;
  }

  async list(range: ListRange): Promise<{ readonly contextId: string; readonly head: Head }[]> {
    const startAfter = encodeUtf8(range.startAfter);
    const page: { readonly contextId: string; readonly head: Head }[] = [];
    for (const { contextId, bytes } of this.#inOrder()) {
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
    return this.#totals;
  }

  async contentHashes(log: number, first: number, count: number): Promise<Uint8Array> {
    const rows = this.#logs.get(log)?.rows ?? [];
    const hashes: Uint8Array[] = [];
    for (const row of rows.slice(first - 1, first - 1 + count)) {
      if (row?.contentHash.length !== hashBytes) break;
      hashes.push(row.contentHash);
    }
    return joined(hashes);
  }

  async subtreeRoots(log: number, level: number, first: number, count: number): Promise<Uint8Array> {
    return joined([...this.#integrity.subtreeRoots(log, level, first, count)]);
  }

  async newestOfKey(log: number, key: string, through: number): Promise<StoredEntry | undefined> {
    const rows = this.#logs.get(log)?.rows ?? [];
    const row = rows.findLast((candidate) => candidate.sequence <= through && candidate.key === key);
    return row === undefined ? undefined : copyOf(row);
  }

  async repeatedId(log: number, after: string): Promise<RepeatedId> {
    const first = encodeUtf8(after);
    const ids = (this.#logs.get(log)?.rows ?? [])
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
    for (const { contextId } of this.#inOrder()) {
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

  newLog(): number {
    const log = this.#nextLog;
    this.#nextLog += 1;
    return log;
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    const moved = commit.heads.find((change) => !sameHead(this.#heads.get(change.contextId), change.from));
    if (moved !== undefined) return { kind: "head-moved", contextId: moved.contextId };
    const plan = this.#staged.plan(commit.rows, commit.heads, (log) => this.#latestOf(log));
    for (const row of commit.rows) this.#write(row);
    for (const change of commit.heads) this.#move(change);
    this.#staged.apply(plan);
    this.#integrity.write(commit, (log) => Math.max(this.#latestOf(log), this.#staged.lastOf(log)));
    this.#roster.write(commit);
    return { kind: "committed", syncMicros: 0 };
  }

  async discard(log: number, after: number): Promise<boolean> {
    const keep = Math.max(after, this.#latestOf(log));
    this.#staged.forget(log, keep);
    this.#integrity.forget(log, keep);
    const { rows, byId } = this.#logs.get(log) ?? { rows: [], byId: new Map<string, MemoryRow>() };
    for (let left = discardRowsMax; left > 0 && rows.length > keep; left -= 1) {
      const id = rows.pop()?.findableId;
      if (id !== undefined && (byId.get(id)?.sequence ?? 0) > rows.length) byId.delete(id);
    }
    if (rows.length === 0) this.#logs.delete(log);
    return rows.length > keep;
  }

  #write(row: NewRow): void {
    const log = this.#logs.get(row.log) ?? { rows: [], byId: new Map<string, MemoryRow>() };
    this.#logs.set(row.log, log);
    const id = row.findableId;
    const replaced = log.rows[row.sequence - 1]?.findableId;
    if (replaced !== undefined && log.byId.get(replaced)?.sequence === row.sequence)
      log.byId.delete(replaced);
    log.rows[row.sequence - 1] = row;
    if (id !== undefined && (log.byId.get(id)?.sequence ?? Infinity) >= row.sequence) log.byId.set(id, row);
  }

  #move({ contextId, from, to }: HeadChange): void {
    this.#heads.set(contextId, to);
    if (from === undefined) this.#sorted = undefined;
    else this.#owners.delete(from.log);
    this.#owners.set(to.log, contextId);
    if (contextId === nodeLogId) return;
    this.#totals = {
      contexts: this.#totals.contexts + (from === undefined ? 1 : 0),
      entries: this.#totals.entries + to.latest - (from?.latest ?? 0),
      bytes: this.#totals.bytes + to.bytes - (from?.bytes ?? 0),
    };
  }

  /** Returns the latest sequence that a head covers in `log`, 0 if none does. */
  #latestOf(log: number): number {
    const owner = this.#owners.get(log);
    return owner === undefined ? 0 : (this.#heads.get(owner)?.latest ?? 0);
  }

  #inOrder(): { readonly contextId: string; readonly bytes: Uint8Array }[] {
    this.#sorted ??= [...this.#heads.keys()]
      .map((contextId) => ({ contextId, bytes: encodeUtf8(contextId) }))
      .sort((left, right) => compareBytes(left.bytes, right.bytes));
    return this.#sorted;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.length * hashBytes);
  for (const [index, part] of parts.entries()) bytes.set(part, index * hashBytes);
  return bytes;
}

function copyOf(row: MemoryRow): StoredEntry {
  return { sequence: row.sequence, contentHash: row.contentHash.slice(), wire: row.wire.slice() };
}

function sameHead(head: Head | undefined, from: Head | undefined): boolean {
  return head?.log === from?.log && head?.latest === from?.latest;
}
