import { LedgerError } from "../core/errors.ts";
import type { Hash, Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import { type HeadRecord, headRecord, parseHeadRecord } from "../core/tlog/head-record.ts";
import { type Checkpoints, contextNotFound, firstGeneration } from "./checkpoints.ts";
import type { CommitExtras } from "./commit-extras.ts";
import type { Unit } from "./commit-unit.ts";
import type { Committer } from "./committer.ts";
import type { ContextState } from "./context-state.ts";
import type { ContextTable } from "./context-table.ts";
import type { ContextEvidence } from "./integrity.ts";
import { type Clock, type Head, type NewRow, nodeLogId, type Store } from "./ports.ts";
import type { Trees } from "./trees.ts";
import { visibleHeadOf } from "./visible-page.ts";

/** The log of logs is brought up to date on request at most this often. */
const requestIntervalMs = 1000;
/** Contexts that are looked at between two turns of the event loop. */
const contextsPerTurn = 16;

export interface NodeLogParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly contexts: ContextTable;
  readonly committer: Committer;
  readonly trees: Trees;
  readonly checkpoints: Checkpoints;
}

/** One leaf of the log of logs. */
interface HeadLeaf {
  readonly contextId: string;
  readonly size: number;
  readonly record: Uint8Array;
  readonly contentHash: Hash;
}

/**
 * The log of logs: a leaf for each new size of a context, so that one checkpoint covers every context. Kept in the
 * context without a name, whose entries are head records.
 */
export class NodeLog {
  readonly #parts: NodeLogParts;
  #updating: Promise<void> | undefined;
  #updatedMs = Number.NEGATIVE_INFINITY;
  /** Contexts of which something is being taken out. */
  readonly #leftOut = new Set<string>();

  constructor(parts: NodeLogParts) {
    this.#parts = parts;
  }

  /** Adds a leaf for each context that has grown. Rejects with LedgerError or StoreError. */
  update(): Promise<void> {
    this.#updating ??= this.#update().finally(() => (this.#updating = undefined));
    return this.#updating;
  }

  /** Resolves once everything that was committed before the call is in the log, a second later at most. */
  async current(): Promise<ContextState> {
    await this.#updating?.catch(() => {});
    const { clock, contexts } = this.#parts;
    const waitMs = this.#updatedMs + requestIntervalMs - clock.monotonicMs();
    if (waitMs > 0) await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    await this.update();
    return await contexts.load(nodeLogId);
  }

  /** Does `work` while no leaf of a context is written; `waits` says if one that is on its way may be of what goes. */
  async without<T>(contextId: string, { waits }: { waits: boolean }, work: () => Promise<T>): Promise<T> {
    this.#leftOut.add(contextId);
    try {
      if (waits) await this.#updating?.catch(() => {});
      return await work();
    } finally {
      this.#leftOut.delete(contextId);
    }
  }

  /** Returns the newest size of a context, in one generation, that there is a leaf of; 0 if there is none. */
  async logged(contextId: string, generation: number): Promise<number> {
    const leaf = await this.#newestLeaf(contextId);
    return leaf?.generation === generation ? leaf.size : 0;
  }

  /** Proves the newest leaf of a context. Rejects with NOT_FOUND if it has no entries. */
  async prove(contextId: string): Promise<ContextEvidence> {
    const { contexts, store, trees, checkpoints } = this.#parts;
    const context = await contexts.load(contextId);
    const { head } = context;
    if (head === undefined) throw contextNotFound(contextId);
    const isCurrent = (await this.logged(contextId, await checkpoints.generation(context))) >= head.latest;
    const state = isCurrent ? await contexts.load(nodeLogId) : await this.current();
    const checkpoint = await checkpoints.sign(state);
    const log = state.head?.log ?? 0;
    const newest = await store.newestOfKey(log, contextId, checkpoint.size);
    if (newest === undefined) throw notLogged(contextId);
    const index = newest.sequence - 1;
    const proof = await trees.inclusion({ log, size: checkpoint.size }, index);
    const { generation: said, size, root } = parseHeadRecord(newest.wire);
    return {
      generation: said,
      head: { size, root },
      record: newest.wire,
      inclusion: { index, size: checkpoint.size, root: checkpoint.root, ...proof },
      checkpoint,
    };
  }

  async #newestLeaf(contextId: string): Promise<HeadRecord | undefined> {
    const { contexts, store } = this.#parts;
    const { head } = await contexts.load(nodeLogId);
    if (head === undefined) return undefined;
    const leaf = await store.newestOfKey(head.log, contextId, head.latest);
    return leaf === undefined ? undefined : parseHeadRecord(leaf.wire);
  }

  async #update(): Promise<void> {
    const { store, contexts, committer, clock } = this.#parts;
    this.#updatedMs = clock.monotonicMs();
    const state = await contexts.load(nodeLogId);
    state.pins += 1;
    try {
      for (;;) {
        const grown = await store.unlogged(limits.loggedContextsMax);
        if (grown.length === 0) return;
        const leaves = await this.#leaves(grown);
        if (leaves.length === 0) return;
        await new Promise<void>((resolve, reject) => {
          committer.enqueue(new HeadLeavesUnit({ state, leaves, store, clock, resolve, reject }));
        });
        if (grown.length < limits.loggedContextsMax) return;
      }
    } finally {
      state.pins -= 1;
    }
  }

  /**
   * Leaves are of what anybody may see. A context that cannot be read, that a load has replaced meanwhile, or of which
   * something is being taken out, is left for the next time.
   */
  async #leaves(grown: readonly { readonly contextId: string; readonly head: Head }[]): Promise<HeadLeaf[]> {
    const { trees, hasher, clock } = this.#parts;
    const leaves: HeadLeaf[] = [];
    for (const [i, { contextId, head: local }] of grown.entries()) {
      if (i % contextsPerTurn === contextsPerTurn - 1) await clock.yield();
      try {
        const head = await visibleHeadOf(this.#parts, contextId, local);
        if (head === undefined || this.#leftOut.has(contextId)) continue;
        const size = head.latest;
        const generation = await this.#generationOf(contextId);
        // What is not committed keeps it unlogged, and is not to bring the same leaf again and again.
        if (size < local.latest && (await this.logged(contextId, generation)) >= size) continue;
        const root = await trees.root({ log: head.log, size });
        if (this.#leftOut.has(contextId)) continue;
        const record = headRecord({ contextId, generation, size, root });
        leaves.push({ contextId, size, record, contentHash: leafHash(record, hasher) });
      } catch (error) {
        if (!(error instanceof LedgerError) || error.code !== "DATA_LOSS") throw error;
      }
    }
    return leaves;
  }

  /** Does not put the context in memory. */
  async #generationOf(contextId: string): Promise<number> {
    const { contexts, store } = this.#parts;
    const signed = contexts.peek(contextId)?.signed ?? (await store.signedHead(contextId));
    return signed?.generation ?? firstGeneration;
  }
}

/** [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) */
function leafHash(record: Uint8Array, hasher: Hasher): Hash {
  const leaf = new Uint8Array(1 + record.length);
  leaf.set(record, 1);
  return hasher.sha256(leaf);
}

interface HeadLeavesParts {
  readonly state: ContextState;
  readonly leaves: readonly HeadLeaf[];
  readonly store: Store;
  readonly clock: Clock;
  readonly resolve: () => void;
  readonly reject: (error: LedgerError) => void;
}

/** Leaves that become the next entries of the log of logs. */
class HeadLeavesUnit implements Unit {
  readonly state: ContextState;
  readonly entries: number;
  readonly bytes: number;
  readonly #parts: HeadLeavesParts;
  #after: Head | undefined;

  constructor(parts: HeadLeavesParts) {
    this.state = parts.state;
    this.#parts = parts;
    this.entries = parts.leaves.length;
    this.bytes = parts.leaves.reduce((sum, { record }) => sum + record.length, 0);
  }

  plan(): void {
    const { clock, store } = this.#parts;
    const before = this.state.planned;
    const nowNs = clock.nowNs();
    this.#after = {
      log: before?.log ?? store.newLog(),
      latest: (before?.latest ?? 0) + this.entries,
      lamport: 0n,
      appendedAtNs: nowNs,
      bytes: (before?.bytes ?? 0) + this.bytes,
      createdAtNs: before?.createdAtNs ?? nowNs,
    };
    this.state.planned = this.#after;
  }

  rows(): readonly NewRow[] {
    const { log = 0, latest = 0 } = this.#after ?? {};
    return this.#parts.leaves.map(({ contextId, record, contentHash }, i) => ({
      log,
      sequence: latest - this.entries + 1 + i,
      key: contextId,
      contentHash,
      wire: record,
      findableId: undefined,
    }));
  }

  headAfter(): Head | undefined {
    return this.#after;
  }

  extras(): CommitExtras {
    return { logged: this.#parts.leaves.map(({ contextId, size }) => ({ contextId, size })) };
  }

  committed(): void {
    this.#parts.resolve();
  }

  failed(error: LedgerError): void {
    this.#parts.reject(error);
  }
}

function notLogged(contextId: string): LedgerError {
  return new LedgerError(
    "DATA_LOSS",
    "the log of logs has no leaf of the context, which cannot be read completely",
    {
      reason: "CONTEXT_NOT_LOGGED",
      field: "context_id",
      value: contextId,
      remedy: "find the damage with verify",
    },
  );
}
