/**
 * Mending what is damaged of this node's copies: with rows that others have, as far as it can be proven that they are what
 * was here, and with nodes of trees computed anew.
 *
 * @module
 */

import { decodeEntry } from "../core/entry-wire.ts";
import { isTimeBased } from "../core/entry-id.ts";
import { hashBytes, type Hash, type Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import { emptyFrontier } from "../core/merkle/frontier.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import type { CommitExtras } from "./commit-extras.ts";
import { subtreeWidth } from "./completed-subtrees.ts";
import type { ContextState } from "./context-state.ts";
import type { DamageList } from "./damage-list.ts";
import { entryDamaged } from "./data-loss.ts";
import { type Clock, nodeLogId, type Store, type StoredEntry } from "./ports.ts";
import { fromStoreError } from "./store-failure.ts";
import { checkTree } from "./tree-check.ts";
import type { Trees } from "./trees.ts";
import type { Verification } from "./verification.ts";
import { checkKeys } from "./verification-keys.ts";
import { isDamage, judgePage, type RawPage, readRawPage } from "./verification-page.ts";
import { type Content, judgeRows, type Verdict } from "./verification-rows.ts";

export interface RepairsParts {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly damage: DamageList;
  readonly verification: Pick<Verification, "steps">;
  readonly trees: () => Trees;
  /** Writes to a context that nobody else changes meanwhile. Rejects with LedgerError. */
  readonly write: (state: ContextState, extras: Pick<CommitExtras, "repairs" | "subtrees">) => Promise<void>;
}

/** A context of this node with damage. */
export interface DamagedContext {
  readonly contextId: string;
  /** Of entries, ascending. */
  readonly sequences: readonly number[];
  /** True if something above the entries is wrong. */
  readonly isTroubled: boolean;
}

/** An entry as somebody has it. */
export interface OfferedRow {
  readonly contentHash: Uint8Array;
  readonly wire: Uint8Array;
}

export type Mending =
  /** The entry is what it was, and its mark is gone; `isNewLeaf` if the tree had another hash of it. */
  | { readonly kind: "intact"; readonly isWritten: boolean; readonly isNewLeaf: boolean }
  /** Nothing was written: nothing here proves that the entry was this one. */
  | { readonly kind: "unproven" }
  /** Nothing was written: what was offered is no such entry. */
  | { readonly kind: "invalid"; readonly detail: string }
  /** It was written, and is not found as it should be. */
  | { readonly kind: "failed"; readonly detail: string };

/** Contexts of one page, in a search for the owner of a log. */
const listedContexts = 512;

/** All methods throw LedgerError. Those that write leave it to the caller that nobody changes the context meanwhile. */
export class Repairs {
  readonly #parts: RepairsParts;
  #writes = 0;

  constructor(parts: RepairsParts) {
    this.#parts = parts;
  }

  /** How often something was written: who has read in between may have seen half of it. */
  get writes(): number {
    return this.#writes;
  }

  /** Calls `listener` when damage was found that was not known, until the returned function is called. */
  onFound(listener: () => void): () => void {
    return this.#parts.damage.onFound(listener);
  }

  /** Returns what is known to be damaged, the log of logs excepted: no other node has that. */
  async contexts(): Promise<readonly DamagedContext[]> {
    const { damage } = this.#parts;
    try {
      await damage.load();
      const sequences = new Map<string, readonly number[]>();
      const owners = await this.#ownersOf(damage.byLog.filter(({ contextId }) => contextId === undefined));
      for (const each of damage.byLog) {
        const contextId = each.contextId ?? owners.get(each.log);
        if (contextId !== undefined && contextId !== nodeLogId) sequences.set(contextId, each.sequences);
      }
      const troubled = damage.troubledContexts.filter((contextId) => contextId !== nodeLogId);
      return [...new Set([...sequences.keys(), ...troubled])].map((contextId) => ({
        ...{ contextId, sequences: sequences.get(contextId) ?? [] },
        isTroubled: troubled.includes(contextId),
      }));
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /**
   * Reads entries of this node's copy, seen or not, for somebody who relies on them: each was hashed anew. Ends before the
   * first that is damaged, which is marked; throws DATA_LOSS if it would begin with one.
   */
  async sound(
    state: ContextState,
    { after, through, bytesMax }: { after: number; through: number; bytesMax: number },
  ): Promise<readonly StoredEntry[]> {
    const { damage, hasher } = this.#parts;
    const { log, latest } = state.local ?? { log: 0, latest: 0 };
    const last = Math.min(through, latest);
    if (after >= last) return [];
    try {
      const page = await this.#page({ log, after, through: last, bytesMax });
      if (state.local?.log !== log) return [];
      const wrong = judgePage(state.id, page, after, hasher).filter(({ problem }) => problem !== undefined);
      const [first] = wrong;
      if (first === undefined) return page.rows;
      await damage.verified(state.id, log, { damaged: wrong.map(foundOf), intact: [] });
      const rows = page.rows.filter(({ sequence }) => sequence < first.sequence);
      if (rows.length === 0) throw entryDamaged(first.sequence);
      return rows;
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /** Takes note that a stored node of the tree is not what it was. */
  treeDamaged(state: ContextState, detail: string): void {
    this.#parts.trees().forget(state.local?.log ?? 0);
    this.#parts.damage.troubled(state.id, detail);
  }

  /** Puts an entry right with what is left of it here, if that proves what it was. */
  async mendAlone(state: ContextState, sequence: number): Promise<Mending> {
    return await this.#mend(state, sequence, undefined, false);
  }

  /**
   * Puts an entry right with what another node has. That must have the hash that is stored here for it, or that the bytes
   * stored here have, or the one that leads to the stored node above it; unless it is `vouched` for.
   */
  async mend(
    state: ContextState,
    sequence: number,
    row: OfferedRow,
    { isVouched }: { readonly isVouched: boolean },
  ): Promise<Mending> {
    return await this.#mend(state, sequence, row, isVouched);
  }

  /**
   * Writes nodes of the tree anew that are not those of the entries below, if these are sound. Returns if nodes were written,
   * and if entries were found to be damaged, which must be mended first.
   */
  async mendTree(
    state: ContextState,
    alone: <T>(work: () => Promise<T>) => Promise<T>,
  ): Promise<{ readonly written: number; readonly damaged: number }> {
    const { local } = state;
    if (local === undefined) return { written: 0, damaged: 0 };
    const { log, latest: size } = local;
    try {
      const { subtrees, damaged } = await checkTree(this.#parts, { contextId: state.id, log, size });
      if (damaged.length > 0)
        await this.#parts.damage.verified(state.id, log, { damaged: damaged.map(foundOf), intact: [] });
      if (subtrees.length === 0) return { written: 0, damaged: damaged.length };
      const written = await alone(async () => {
        if (state.local?.log !== log || state.local.latest < size) return 0;
        await this.#write(state, { subtrees });
        return subtrees.length;
      });
      return { written, damaged: damaged.length };
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /** Verifies a whole context; returns if nothing above its entries is wrong any more. */
  async verifyAll(state: ContextState, signal: AbortSignal): Promise<boolean> {
    const { verification, damage } = this.#parts;
    try {
      for await (const _ of verification.steps(state.id, signal));
    } catch (error) {
      if (!isDamage(error)) throw fromStoreError(error);
      return false;
    }
    return damage.troubleOf(state.id) === undefined;
  }

  async #mend(
    state: ContextState,
    sequence: number,
    offered: OfferedRow | undefined,
    isVouched: boolean,
  ): Promise<Mending> {
    const { hasher, damage } = this.#parts;
    try {
      const { log, latest } = state.local ?? { log: 0, latest: 0 };
      if (sequence > latest) return { kind: "intact", isWritten: false, isNewLeaf: false };
      const { row: own, verdict } = await this.#examine(state, log, sequence);
      if (verdict.problem === undefined) {
        await damage.verified(state.id, log, { damaged: [], intact: [sequence] });
        return { kind: "intact", isWritten: false, isNewLeaf: false };
      }
      const row = offered ?? own;
      if (row === undefined || !(row.wire instanceof Uint8Array)) return { kind: "unproven" };
      const found = candidateOf(state.id, { ...row, sequence }, hasher);
      if (found.content === undefined)
        return offered === undefined ? { kind: "unproven" } : { kind: "invalid", detail: found.problem };
      const { leaf, content } = found;
      const isOwn = verdict.content !== undefined && sameBytes(leaf, verdict.actual);
      const isProven =
        sameBytes(leaf, verdict.stored) ||
        // What lies here alone proves nothing about itself: its hash may be right and its bytes wrong.
        (offered !== undefined && isOwn) ||
        (await this.#leadsToNode(log, sequence, leaf));
      if (!isProven && !isVouched) return { kind: "unproven" };
      const { key, appendedAtNs } = content;
      const { id } = decodeEntry(row.wire);
      const findableId = isTimeBased(id, appendedAtNs) ? undefined : id;
      const entry = { sequence, log, key, findableId, contentHash: leaf, wire: row.wire };
      await this.#write(state, { repairs: [entry] });
      const after = await this.#examine(state, log, sequence);
      if (after.verdict.problem !== undefined) return { kind: "failed", detail: after.verdict.problem };
      const isNewLeaf = !sameBytes(leaf, verdict.stored);
      // The node above it, if there is one, is not that of its entries.
      const hasNodeAbove = Math.ceil(sequence / subtreeWidth) * subtreeWidth <= latest;
      if (isNewLeaf && !isProven && hasNodeAbove)
        this.treeDamaged(state, `the tree's node above entry ${sequence} is not that of its entries`);
      await damage.verified(state.id, log, { damaged: [], intact: [sequence] });
      return { kind: "intact", isWritten: true, isNewLeaf };
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  async #write(state: ContextState, extras: Parameters<RepairsParts["write"]>[1]): Promise<void> {
    await this.#parts.write(state, extras);
    this.#writes += 1;
  }

  /** Returns an entry as it is stored, if it can be read, and what is wrong with it. */
  async #examine(
    { id }: ContextState,
    log: number,
    sequence: number,
  ): Promise<{ readonly row: StoredEntry | undefined; readonly verdict: Verdict }> {
    const { store, hasher } = this.#parts;
    const page = await readRawPage(store, { log, after: sequence - 1, through: sequence });
    const [verdict] = judgePage(id, page, sequence - 1, hasher);
    const [row] = page.rows;
    if (verdict === undefined) throw entryDamaged(sequence);
    if (verdict.problem !== undefined) return { row, verdict };
    const { misplaced, unreadable } = await checkKeys(store, log, [verdict]);
    return { row, verdict: { ...verdict, problem: misplaced.get(sequence) ?? unreadable } };
  }

  /** Returns if a hash, among those that are stored of its neighbours, has the stored node above it. */
  async #leadsToNode(log: number, sequence: number, leaf: Hash): Promise<boolean> {
    const { store, hasher } = this.#parts;
    const tile = Math.floor((sequence - 1) / subtreeWidth);
    const first = tile * subtreeWidth + 1;
    const through = first + subtreeWidth - 1;
    try {
      const stored = await store.subtreeRoots(log, 1, tile, 1);
      if (stored.length === 0) return false;
      const leaves = new Uint8Array(hashBytes * subtreeWidth);
      const before = await store.contentHashes(log, first, sequence - first);
      const behind = await store.contentHashes(log, sequence + 1, through - sequence);
      if (before.length + behind.length !== leaves.length - hashBytes) return false;
      leaves.set(before);
      leaves.set(leaf, before.length);
      leaves.set(behind, before.length + hashBytes);
      return sameBytes(hasher.extend(emptyFrontier, leaves, "rfc6962").subtrees, stored);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return false;
    }
  }

  async #page({
    bytesMax,
    ...where
  }: {
    log: number;
    after: number;
    through: number;
    bytesMax: number;
  }): Promise<RawPage> {
    const { store } = this.#parts;
    try {
      const rows = await store.read({ ...where, bytesMax, entriesMax: limits.replicaPageEntries });
      const through = rows.at(-1)?.sequence ?? where.after + 1;
      return { rows, through, unreadable: new Map() };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return await readRawPage(store, where);
    }
  }

  /** Returns whose logs these are. A look through all contexts, for what was marked before this process began. */
  async #ownersOf(logs: readonly { readonly log: number }[]): Promise<ReadonlyMap<number, string>> {
    const { store, clock } = this.#parts;
    const sought = new Set(logs.map(({ log }) => log));
    const owners = new Map<number, string>();
    let startAfter = "";
    while (sought.size > owners.size) {
      const page = await store.list({ prefix: "", startAfter, limit: listedContexts });
      for (const { contextId, head } of page) if (sought.has(head.log)) owners.set(head.log, contextId);
      const last = page.at(-1);
      if (last === undefined) break;
      startAfter = last.contextId;
      await clock.yield();
    }
    return owners;
  }
}

interface Candidate {
  readonly leaf: Hash;
  readonly content: Content;
}

/** Returns what an entry says, whatever hash is stored beside it; or why it is none. */
function candidateOf(
  contextId: string,
  row: StoredEntry,
  hasher: Hasher,
): Candidate | { readonly content: undefined; readonly problem: string } {
  const [first] = judgeRows(contextId, [row], hasher);
  const leaf = first?.actual.slice() ?? new Uint8Array(0);
  const [verdict] = judgeRows(contextId, [{ ...row, contentHash: leaf }], hasher);
  if (verdict?.content !== undefined && verdict.problem === undefined)
    return { leaf, content: verdict.content };
  return { content: undefined, problem: verdict?.problem ?? "it cannot be read" };
}

function foundOf({ sequence, problem }: Verdict): { sequence: number; detail: string } {
  return { sequence, detail: problem ?? "" };
}
