/**
 * Hashing everything that is stored of a log anew: entries against their hashes, the tree above them against what is
 * stored of it, the whole against what was signed. Holds one page at a time.
 *
 * @module
 */

import type { Hasher } from "../core/hasher.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import { subtreeWidth } from "./completed-subtrees.ts";
import type { ContextTable } from "./context-table.ts";
import type { DamageList } from "./damage-list.ts";
import type { VerifyStep } from "./integrity.ts";
import { type Clock, type Head, nodeLogId, type SignedHead, type Store } from "./ports.ts";
import { fromStoreError } from "./store-failure.ts";
import { checkKeys } from "./verification-keys.ts";
import { isDamage, judgePage, readRawPage } from "./verification-page.ts";
import type { Verdict } from "./verification-rows.ts";
import { VerificationSums } from "./verification-sums.ts";
import { type FullSubtree, VerificationTree } from "./verification-tree.ts";

export interface VerificationParts {
  readonly store: Pick<Store, "head" | "read" | "subtreeRoots" | "signedHead">;
  readonly contexts: Pick<ContextTable, "peek">;
  readonly clock: Pick<Clock, "yield">;
  readonly hasher: Hasher;
  readonly damage: Pick<DamageList, "load" | "verified" | "troubled">;
}

/** A step, with what it cost to read. */
export type MeasuredStep =
  | Exclude<VerifyStep, { kind: "progress" }>
  | (Extract<VerifyStep, { kind: "progress" }> & {
      readonly pageEntries: number;
      readonly pageBytes: number;
    });

/** So many entries in a row that cannot be read are the device rather than the entries. */
const unreadableMax = 256;

export class Verification {
  readonly #parts: VerificationParts;
  readonly #running = new Set<Interruption>();

  constructor(parts: VerificationParts) {
    this.#parts = parts;
  }

  /** Entries were taken out of a context: what is found of it may be half of one history and half of another. */
  interrupt(contextId: string): void {
    for (const run of this.#running) if (run.contextId === contextId) run.isCut = true;
  }

  /**
   * Verifies one log as it is now; entries appended meanwhile are not in it. Marks entries that are damaged, and takes
   * the marks off others. Begins anew if a load replaces the log, or another history stands; ends without a result when `signal` fires. Throws
   * LedgerError.
   */
  async *verify(contextId: string, signal: AbortSignal | undefined): AsyncGenerator<VerifyStep, void> {
    try {
      yield* this.steps(contextId, signal);
    } catch (error) {
      throw fromStoreError(error);
    }
  }

  /** Like `verify`, and throws StoreError. */
  async *steps(contextId: string, signal: AbortSignal | undefined): AsyncGenerator<MeasuredStep, void> {
    const { store, damage } = this.#parts;
    await damage.load();
    let isOver = false;
    while (!isOver) {
      const interruption = { contextId, isCut: false };
      this.#running.add(interruption);
      try {
        // Signed before, so that it cannot be ahead of the head.
        const signed = await store.signedHead(contextId);
        const heads = await this.#headsOf(contextId);
        const run = new LogVerification(this.#parts, contextId, heads, signed);
        const isCurrent = async (): Promise<boolean> =>
          (await this.#headsOf(contextId)).head?.log === heads.head?.log && !interruption.isCut;
        isOver = yield* run.steps(signal, isCurrent);
      } finally {
        this.#running.delete(interruption);
      }
    }
  }

  /** Does not put the context in memory: a walk over all contexts would drive out those in use. */
  async #headsOf(contextId: string): Promise<Heads> {
    const state = this.#parts.contexts.peek(contextId);
    if (state !== undefined) return { head: state.head, local: state.local };
    const local = await this.#parts.store.head(contextId);
    return { head: local, local };
  }
}

/** How far entries may be seen, and how far there are any. */
interface Heads {
  readonly head: Head | undefined;
  readonly local: Head | undefined;
}

/** Tells a running verification that the entries are not those any more that it began with. */
interface Interruption {
  readonly contextId: string;
  isCut: boolean;
}

/** The verification of one log, up to the head it has at the beginning. */
class LogVerification {
  readonly #contextId: string;
  readonly #parts: VerificationParts;
  readonly #head: Head | undefined;
  readonly #local: Head | undefined;
  readonly #signed: SignedHead | undefined;
  /** Of the stored hashes, as the stored nodes and the signed root are. */
  readonly #tree: VerificationTree;
  /** Of the hashes of what was read, from the first difference on. */
  #actual: VerificationTree | undefined;
  readonly #sums = new VerificationSums();
  #lastDamaged = 0;
  #unreadable = 0;
  #damaged = 0;
  /** The first thing found to be wrong above the entries. */
  #trouble: string | undefined;

  constructor(
    parts: VerificationParts,
    contextId: string,
    { head, local }: Heads,
    signed: SignedHead | undefined,
  ) {
    this.#parts = parts;
    this.#contextId = contextId;
    this.#head = head;
    this.#local = local;
    this.#signed = signed;
    this.#tree = new VerificationTree(parts.hasher);
  }

  /** Returns false if that is no more what the context has, as `isCurrent` tells. */
  async *steps(
    signal: AbortSignal | undefined,
    isCurrent: () => Promise<boolean>,
  ): AsyncGenerator<MeasuredStep, boolean> {
    const { store, clock, hasher, damage } = this.#parts;
    const { log, latest } = this.#head ?? { log: 0, latest: 0 };
    let after = 0;
    while (after < latest) {
      if (signal?.aborted === true) return true;
      const page = await readRawPage(store, { log, after, through: latest });
      const rowVerdicts = judgePage(this.#contextId, page, after, hasher);
      const keys = await checkKeys(store, log, rowVerdicts);
      // The rows of a replaced log are deleted only after the head has moved.
      if (!(await isCurrent())) return false;
      const verdicts = rowVerdicts.map((verdict) => ({
        ...verdict,
        problem: verdict.problem ?? keys.misplaced.get(verdict.sequence),
      }));
      const damaged = verdicts.flatMap(({ sequence, problem }) =>
        problem === undefined ? [] : [{ sequence, detail: problem }],
      );
      const intact = verdicts.filter(({ problem }) => problem === undefined).map(({ sequence }) => sequence);
      await damage.verified(this.#contextId, log, { damaged, intact });
      for (const each of damaged) yield this.#found(each.sequence, each.detail);
      if (keys.unreadable !== undefined) yield this.#found(0, keys.unreadable);
      this.#countUnreadable(verdicts, page.unreadable);
      const treeProblems = await this.#treeProblems(this.#grow(verdicts), log);
      if (treeProblems.length > 0 && !(await isCurrent())) return false;
      for (const detail of treeProblems) yield this.#found(0, detail);
      const pageBytes = page.rows.reduce((sum, { wire }) => sum + (wire?.length ?? 0), 0);
      const pageEntries = page.through - after;
      after = page.through;
      yield { kind: "progress", verified: after, total: latest, pageEntries, pageBytes };
      await clock.yield();
    }
    const headProblems = this.#headProblems();
    if (headProblems.length > 0 && !(await isCurrent())) return false;
    for (const detail of headProblems) yield this.#found(0, detail);
    // What stands above damaged entries was not looked at.
    if (this.#trouble !== undefined || this.#lastDamaged === 0)
      damage.troubled(this.#contextId, this.#trouble);
    const root = (this.#actual ?? this.#tree).root();
    yield { kind: "result", head: { size: latest, root }, damaged: this.#damaged };
    return true;
  }

  #found(sequence: number, detail: string): MeasuredStep {
    this.#damaged += 1;
    if (sequence === 0) this.#trouble ??= detail;
    return { kind: "damage", sequence, detail };
  }

  /** Throws the error of the store if it cannot read anything any more. */
  #countUnreadable(verdicts: readonly Verdict[], unreadable: ReadonlyMap<number, Error>): void {
    for (const { sequence } of verdicts) {
      const error = unreadable.get(sequence);
      this.#unreadable = error === undefined ? 0 : this.#unreadable + 1;
      if (error !== undefined && this.#unreadable >= unreadableMax) throw error;
    }
  }

  /** Adds leaves. Returns the subtrees they complete over leaves that are all intact, and what is wrong with the signed root. */
  #grow(verdicts: readonly Verdict[]): { subtrees: FullSubtree[]; rootProblem: string | undefined } {
    const subtrees: FullSubtree[] = [];
    let rootProblem: string | undefined;
    for (const { sequence, stored, actual, problem, content } of verdicts) {
      if (problem !== undefined) this.#lastDamaged = sequence;
      if (problem !== undefined && !sameBytes(stored, actual)) this.#actual ??= this.#tree.copy();
      this.#actual?.add(actual);
      for (const subtree of this.#tree.add(stored)) {
        const firstSequence = subtree.index * subtreeWidth ** subtree.level + 1;
        if (this.#lastDamaged < firstSequence) subtrees.push(subtree);
      }
      if (content !== undefined) this.#sums.add(content);
      const { size, root } = this.#signed ?? {};
      if (sequence !== size || root === undefined || this.#lastDamaged > 0) continue;
      if (!sameBytes(this.#tree.root(), root))
        rootProblem = `the first ${size} entries do not have the root that was signed for them`;
    }
    return { subtrees, rootProblem };
  }

  /** Compares with what is stored of the tree; what is not stored is computed by those who need it. */
  async #treeProblems(
    { subtrees, rootProblem }: { subtrees: readonly FullSubtree[]; rootProblem: string | undefined },
    log: number,
  ): Promise<string[]> {
    const problems: string[] = [];
    for (const { level, index, root } of subtrees) {
      const name = `the tree's node ${index} on level ${level}`;
      try {
        const stored = await this.#parts.store.subtreeRoots(log, level, index, 1);
        if (stored.length > 0 && !sameBytes(stored, root))
          problems.push(`${name} is not that of its entries`);
      } catch (error) {
        if (!isDamage(error)) throw error;
        problems.push(`${name} cannot be read: ${error.message}`);
      }
    }
    if (rootProblem !== undefined) problems.push(rootProblem);
    return problems;
  }

  #headProblems(): string[] {
    const problems: string[] = [];
    const { size } = this.#signed ?? { size: 0 };
    // After a restart it may not be known yet that what was signed is committed.
    const latest = Math.max(this.#head?.latest ?? 0, this.#local?.latest ?? 0);
    if (size > latest) problems.push(`size ${size} was signed, and there are ${latest} entries`);
    if (this.#head === undefined || this.#lastDamaged > 0 || this.#contextId === nodeLogId) return problems;
    // What the head says is of all entries, seen or not.
    if (this.#head.latest < latest) return problems;
    const problem = this.#sums.problemOf(this.#head);
    return problem === undefined ? problems : [...problems, problem];
  }
}
