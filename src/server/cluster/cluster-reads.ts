import { LedgerError } from "../../core/errors.ts";
import { checkContextId, checkKeyFilter } from "../../core/validate.ts";
import type { ContextInfo, GetRequest } from "../../ledger/ledger-api.ts";
import type { Inclusion } from "../../ledger/integrity.ts";
import type { GetResult } from "../../ledger/reader.ts";
import type { ForwardedCall } from "../../rpc/forwarded/forwarded-call.ts";
import { forwardedProve, type ProveCall } from "../../rpc/forwarded/proof-calls.ts";
import { forwardedDescribe, forwardedGet } from "../../rpc/forwarded/read-calls.ts";
import { type CallTerms, type ClusterParts, clusterTiming, type ClusterTiming } from "./cluster-parts.ts";
import type { Forwarder } from "./forwarder.ts";
import { hasReason, isHomeless, notCurrent } from "./outcomes.ts";

/** One question about a context. */
export interface Reading<Input, Output> {
  readonly contextId: string;
  readonly call: ForwardedCall<Input, Output>;
  readonly input: Input;
  readonly answerMs?: number;
  /** Answers it from this node's copy. */
  readonly local: () => Output | Promise<Output>;
}

/**
 * Reads, at the node that should answer them: the home, which has everything that was acknowledged; or, if that is allowed
 * or nobody reaches the home, any copy.
 */
export class ClusterReads {
  readonly #parts: ClusterParts;
  readonly #forwarder: Forwarder;
  readonly #timing: ClusterTiming;

  constructor(parts: ClusterParts, forwarder: Forwarder) {
    this.#parts = parts;
    this.#forwarder = forwarder;
    this.#timing = parts.timing ?? clusterTiming;
  }

  async get(request: GetRequest, terms: CallTerms): Promise<GetResult> {
    const { contextId, minSequence } = request;
    checkContextId(contextId);
    checkKeyFilter(request.key);
    const { local } = this.#parts;
    const answerMs = minSequence > 0n ? this.#timing.waitingReadMs : this.#timing.forwardMs;
    const reading = {
      ...{ contextId, call: forwardedGet, input: request, answerMs },
      local: () => local.get(request, terms.signal),
    };
    if (request.anyCopy === true) return await this.atCopy(reading, terms);
    if (minSequence > 0n && (await this.holds(contextId))) {
      const answer = await this.#soon(request, terms.signal);
      if (answer !== undefined) return answer;
    }
    return await this.atHome(reading, terms);
  }

  async describe(contextId: string, terms: CallTerms): Promise<ContextInfo> {
    checkContextId(contextId);
    const local = (): Promise<ContextInfo> => this.#parts.local.describe(contextId);
    return await this.atHome({ contextId, call: forwardedDescribe, input: contextId, local }, terms);
  }

  /** Proves entries of an append, where it was answered. */
  async prove(call: ProveCall, terms: CallTerms): Promise<readonly Inclusion[]> {
    const { contextId, entries } = call;
    checkContextId(contextId);
    const local = async (): Promise<readonly Inclusion[]> =>
      await this.#parts.local.prove(contextId, entries);
    const proofs = await this.atHome({ contextId, call: forwardedProve, input: call, local }, terms);
    // Another node does not send back what it was asked about.
    return proofs.map((proof, index) => ({ ...proof, leaf: entries[index]?.contentHash ?? proof.leaf }));
  }

  /** True if this node is to keep the context. */
  async holds(contextId: string): Promise<boolean> {
    const { routing, view } = this.#parts;
    return (await routing.locate(contextId)).includes(view.selfId);
  }

  /** Answers at the home; at any copy if nobody reaches that. */
  async atHome<Input, Output>(reading: Reading<Input, Output>, terms: CallTerms): Promise<Output> {
    const { contextId, answerMs = this.#timing.forwardMs } = reading;
    if (terms.anyCopy === true) return await this.atCopy(reading, terms);
    try {
      return await this.#forwarder.atHome({
        ...{ ...reading, terms, answerMs, writes: false, retryMs: this.#timing.readRetryMs },
        mayRepeat: (error) => isHomeless(error) && !hasNoHome(error),
        here: async () => {
          await this.#parts.routing.readable(contextId);
          return await this.#here(reading);
        },
      });
    } catch (error) {
      // Those in between leave it to the node that was asked what to do without a home.
      if (!isHomeless(error) || terms.hops > 0) throw error;
      if (await this.holds(contextId)) return await this.#here(reading);
      return await this.#elsewhere(reading, terms).catch(() => Promise.reject(error));
    }
  }

  /** Answers at this node if it keeps the context, else at one that does. */
  async atCopy<Input, Output>(reading: Reading<Input, Output>, terms: CallTerms): Promise<Output> {
    if (this.#parts.routing.isWritable(reading.contextId) || (await this.holds(reading.contextId)))
      return await reading.local();
    return await this.#elsewhere(reading, terms);
  }

  /**
   * Answers from this node's copy if there is one, and at the home if that copy does not have what is asked for (yet), or
   * there is none.
   */
  async atCopyOrHome<Input, Output>(reading: Reading<Input, Output>, terms: CallTerms): Promise<Output> {
    const { routing } = this.#parts;
    const { contextId, local } = reading;
    if (routing.isCurrent(contextId)) return await local();
    if (!(await this.holds(contextId))) return await this.atHome(reading, terms);
    try {
      return await local();
    } catch (error) {
      if (terms.hops > 0 || !isBehind(error)) throw error;
      return await this.atHome(reading, terms);
    }
  }

  /**
   * Answers from this node's copy if there is one, which may take a moment to get an entry: what it signs is its own, so
   * nobody else answers in its place.
   */
  async atOwnCopy<Input, Output>(
    reading: Reading<Input, Output>,
    terms: CallTerms,
    sequence: bigint,
  ): Promise<Output> {
    const { contextId, local } = reading;
    if (this.#parts.routing.isCurrent(contextId)) return await local();
    if (!(await this.holds(contextId))) return await this.atHome(reading, terms);
    try {
      return await local();
    } catch (error) {
      if (!isBehind(error)) throw error;
      const page = { key: "", afterSequence: sequence, limit: 1, maxBytes: 0, resumeToken: new Uint8Array() };
      const reached = await this.#soon({ contextId, ...page, minSequence: sequence }, terms.signal);
      if (reached === undefined) throw error;
      return await local();
    }
  }

  /** Answers from this node's copy, which may lack an entry only if it is known to have everything that was acknowledged. */
  async #here<Input, Output>({ contextId, local }: Reading<Input, Output>): Promise<Output> {
    const isCurrent = this.#parts.routing.isCurrent(contextId);
    try {
      return await local();
    } catch (error) {
      if (hasReason(error, "SEQUENCE_ABOVE_HEAD") && !isCurrent) throw notCurrent(error);
      throw error;
    }
  }

  async #elsewhere<Input, Output>(
    { contextId, call, input, answerMs = this.#timing.forwardMs }: Reading<Input, Output>,
    terms: CallTerms,
  ): Promise<Output> {
    const holders = await this.#parts.routing.locate(contextId);
    return await this.#forwarder.atAny({ contextId, call, input, terms, answerMs, writes: false }, holders);
  }

  /** Answers from this node's copy if that gets what is waited for in a short while. */
  async #soon(request: GetRequest, signal: AbortSignal | undefined): Promise<GetResult | undefined> {
    const late = new AbortController();
    const abort = (): void => late.abort();
    signal?.addEventListener("abort", abort);
    const cancel = this.#parts.clock.after(this.#timing.copyLagMs, abort);
    try {
      return await this.#parts.local.get(request, late.signal);
    } catch (error) {
      const isLate = error instanceof LedgerError && error.facts.reason === "MIN_SEQUENCE_NOT_REACHED";
      if (!isLate || signal?.aborted === true) throw error;
      return undefined;
    } finally {
      cancel();
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** A copy that answers so may lack the newest entries. */
function isBehind(error: unknown): boolean {
  return error instanceof LedgerError && (error.code === "OUT_OF_RANGE" || error.code === "NOT_FOUND");
}

function hasNoHome(error: unknown): boolean {
  return error instanceof LedgerError && ["NO_HOME", "NOT_JOINED"].includes(error.facts.reason);
}
