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

/** Forks, which would begin a new one, are not possible while one node keeps a context. */
export const generation = 1;

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

  constructor(parts: CheckpointsParts) {
    this.#parts = parts;
  }

  /** Returns a checkpoint that covers everything committed now. Rejects with LedgerError or StoreError. */
  async sign(state: ContextState): Promise<SignedCheckpoint> {
    const wanted = state.head?.latest ?? 0;
    state.pins += 1;
    try {
      const { size, root } = wanted === 0 ? this.#empty(state) : await this.#advance(state, wanted);
      const { signer } = this.#parts;
      const origin = this.origin(state.id);
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

  /** Returns the name that the checkpoints of a log begin with. */
  origin(contextId: string): string {
    const { logName } = this.#parts.signer;
    return contextId === nodeLogId ? logName : contextOrigin(logName, contextId, generation);
  }

  #empty(state: ContextState): { size: number; root: Hash } {
    if (state.id === nodeLogId) return { size: 0, root: emptyRoot(this.#parts.hasher) };
    throw contextNotFound(state.id);
  }

  /** Moves what may be signed to the newest size, once at a time; `wanted` is the least that will do. */
  async #advance(state: ContextState, wanted: number): Promise<SignedHead> {
    for (;;) {
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
    const tree = { log: state.head?.log ?? 0, size };
    const root = await this.#parts.trees.root(tree);
    if (before !== undefined) {
      if (before.size > size) throw notTheSigned(state.id, before);
      const then = before.size === size ? root : await this.#parts.trees.root({ ...tree, size: before.size });
      if (!then.every((byte, i) => byte === before.root[i])) throw notTheSigned(state.id, before);
      if (before.size === size) return before;
    }
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
