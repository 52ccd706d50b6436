import type { Hash } from "../core/hasher.ts";
import { LedgerError, quote } from "../core/errors.ts";
import { emptyRoot } from "../core/merkle/tree-profile.ts";
import type { Hasher } from "../core/hasher.ts";
import { checkpointBody } from "../core/tlog/checkpoint.ts";
import { contextOrigin } from "../core/tlog/origin.ts";
import type { Committer } from "./committer.ts";
import type { ContextState } from "./context-state.ts";
import { commitExtras } from "./extras-unit.ts";
import type { CheckpointSigner, SignedCheckpoint } from "./integrity.ts";
import { nodeLogId, type SignedHead, type Store } from "./ports.ts";
import type { Trees } from "./trees.ts";

/** What the log of logs stays in, and every other log until something of it that was signed is taken out. */
export const firstGeneration = 1;

export interface CheckpointsParts {
  readonly store: Pick<Store, "signedHead">;
  readonly committer: Committer;
  readonly trees: Trees;
  readonly hasher: Hasher;
  readonly signer: CheckpointSigner;
}

/**
 * Signs the newest states of logs. What is signed is on disk before the signature leaves, and is checked against
 * what was signed before, so that nothing inconsistent is ever signed, also not after the file was changed behind
 * the ledger's back.
 */
export class Checkpoints {
  readonly #parts: CheckpointsParts;
  readonly #running = new Map<ContextState, Promise<SignedHead>>();
  readonly #held = new Map<ContextState, Promise<void>>();

  constructor(parts: CheckpointsParts) {
    this.#parts = parts;
  }

  /** Returns a checkpoint that covers everything committed now. Rejects with LedgerError or StoreError. */
  async sign(state: ContextState): Promise<SignedCheckpoint> {
    const wanted = state.head?.latest ?? 0;
    state.pins += 1;
    try {
      const { size, root, generation } =
        wanted === 0 ? this.#empty(state) : await this.#advance(state, wanted);
      const { signer } = this.#parts;
      const origin = this.#originOf(state.id, generation);
      return { size, root, origin, note: await signer.sign(origin, checkpointBody({ origin, size, root })) };
    } finally {
      state.pins -= 1;
    }
  }

  /** Returns the newest state that was signed; undefined if none was. */
  async signed(state: ContextState): Promise<SignedHead | undefined> {
    state.signed ??= await this.#parts.store.signedHead(state.id);
    return state.signed;
  }

  /** Returns the generation that a log is in. */
  async generation(state: ContextState): Promise<number> {
    return (await this.signed(state))?.generation ?? firstGeneration;
  }

  /** Returns the name that the checkpoints of a log begin with now. */
  async origin(state: ContextState): Promise<string> {
    return this.#originOf(state.id, await this.generation(state));
  }

  /** Does `work` while nothing of a log is being signed: what is being signed before, everything else after. */
  async held<T>(state: ContextState, work: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(state, promise);
    try {
      await this.#running.get(state)?.catch(() => {});
      return await work();
    } finally {
      this.#held.delete(state);
      resolve();
    }
  }

  #originOf(contextId: string, generation: number): string {
    const { logName } = this.#parts.signer;
    return contextId === nodeLogId ? logName : contextOrigin(logName, contextId, generation);
  }

  #empty(state: ContextState): { size: number; root: Hash; generation: number } {
    if (state.id !== nodeLogId) throw contextNotFound(state.id);
    return { size: 0, root: emptyRoot(this.#parts.hasher), generation: firstGeneration };
  }

  /** Moves what may be signed to the newest size, once at a time; `wanted` is the least that will do. */
  async #advance(state: ContextState, wanted: number): Promise<SignedHead> {
    for (;;) {
      const held = this.#held.get(state);
      if (held !== undefined) {
        await held;
        continue;
      }
      const running = this.#running.get(state);
      if (running === undefined) break;
      // Whether it failed is the business of whoever began it.
      const head = await running.catch(() => undefined);
      if (head !== undefined && head.size >= wanted) return head;
    }
    const work = this.#store(state).finally(() => this.#running.delete(state));
    this.#running.set(state, work);
    return work;
  }

  async #store(state: ContextState): Promise<SignedHead> {
    const before = await this.signed(state);
    const size = state.head?.latest ?? 0;
    if (size === 0) throw contextNotFound(state.id);
    const tree = { log: state.head?.log ?? 0, size };
    if (before !== undefined && before.size > 0) {
      // More than can be seen may be here: after a restart nobody knows at first how much of it is committed.
      if (before.size > Math.max(size, state.local?.latest ?? 0)) throw notTheSigned(state.id, before);
      const then = await this.#parts.trees.root({ ...tree, size: before.size });
      if (!then.every((byte, i) => byte === before.root[i])) throw notTheSigned(state.id, before);
      if (before.size >= size) return before;
    }
    const root = await this.#parts.trees.root(tree);
    const generation = before?.generation ?? firstGeneration;
    const head = { contextId: state.id, generation, size, root };
    await commitExtras(this.#parts.committer, { signed: [head] });
    state.signed = head;
    return head;
  }
}

export function contextNotFound(contextId: string): LedgerError {
  return new LedgerError("NOT_FOUND", `context ${quote(contextId)} has no entries`, {
    reason: "CONTEXT_NOT_FOUND",
    field: "context_id",
    value: contextId,
    remedy: "check the id, or append its first entry",
  });
}

function notTheSigned(contextId: string, { size }: SignedHead): LedgerError {
  const log = contextId === nodeLogId ? "the log of logs" : `context ${quote(contextId)}`;
  return new LedgerError(
    "DATA_LOSS",
    `the first ${size} entries of ${log} are not those that were signed before`,
    {
      reason: "SIGNED_HISTORY_CHANGED",
      value: contextId,
      sequence: size,
      remedy: "find the damage with verify, and restore the data directory from a copy",
    },
  );
}
