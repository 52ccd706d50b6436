import { limits } from "../../core/limits.ts";
import type { ContextState } from "../../ledger/context-state.ts";
import type { Replica } from "../../ledger/ports.ts";
import type { Replicas } from "../../ledger/replicas.ts";
import type { ContextReplica } from "./context-replica.ts";

/** Contexts looked at, at most, to find some that can be forgotten. */
const looksMax = 8;

export interface OpenContextsParts {
  readonly replicas: Pick<Replicas, "acquire" | "release">;
  readonly create: (contextId: string, state: ContextState) => ContextReplica;
  /** A context whose home this node was is forgotten; `before` is what is stored of it. */
  readonly forgets: (contextId: string, before: Replica | undefined) => void;
}

/** The contexts that replication has in memory: those that are in use, and as many others as fit. */
export class OpenContexts {
  readonly #parts: OpenContextsParts;
  readonly #contexts = new Map<string, ContextReplica>();
  readonly #opening = new Map<string, Promise<ContextReplica>>();
  #isStopped = false;

  constructor(parts: OpenContextsParts) {
    this.#parts = parts;
  }

  get(contextId: string): ContextReplica | undefined {
    return this.#contexts.get(contextId);
  }

  values(): Iterable<ContextReplica> {
    return this.#contexts.values();
  }

  /** Returns a context, which is read if it is not in memory. Rejects with LedgerError if it cannot be. */
  open(contextId: string): Promise<ContextReplica> {
    const known = this.#contexts.get(contextId);
    if (known !== undefined) return Promise.resolve(known);
    const opening =
      this.#opening.get(contextId) ??
      this.#read(contextId).finally(() => void this.#opening.delete(contextId));
    this.#opening.set(contextId, opening);
    return opening;
  }

  /** Forgets all of them. */
  stop(): void {
    this.#isStopped = true;
    for (const context of this.#contexts.values()) this.#close(context);
    this.#contexts.clear();
  }

  async #read(contextId: string): Promise<ContextReplica> {
    const state = await this.#parts.replicas.acquire(contextId);
    const replica = this.#parts.create(contextId, state);
    if (this.#isStopped) this.#parts.replicas.release(state);
    else {
      this.#contexts.set(contextId, replica);
      this.#evict();
    }
    return replica;
  }

  /** Forgets contexts that nobody needs now; a home that is forgotten takes over anew. */
  #evict(): void {
    let looks = looksMax;
    for (const [contextId, replica] of this.#contexts) {
      if (this.#contexts.size <= limits.replicasCachedMax || looks === 0) return;
      looks -= 1;
      this.#contexts.delete(contextId);
      if (replica.isBusy) this.#contexts.set(contextId, replica);
      else {
        if (replica.lead !== undefined) this.#parts.forgets(contextId, replica.state.shared?.replica);
        this.#close(replica);
      }
    }
  }

  #close(replica: ContextReplica): void {
    replica.close();
    this.#parts.replicas.release(replica.state);
  }
}
