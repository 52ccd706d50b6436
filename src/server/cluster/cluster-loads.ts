import { limits } from "../../core/limits.ts";
import { checkContextId } from "../../core/validate.ts";
import type { LoadInput, LoadResult } from "../../ledger/loader.ts";
import { forwardedLoad, type LoadStep, type LoadStepAnswer } from "../../rpc/forwarded/load-steps.ts";
import { type CallTerms, type ClusterParts, clusterTiming, type ClusterTiming } from "./cluster-parts.ts";
import type { Forwarder } from "./forwarder.ts";
import { LoadSessions } from "./load-sessions.ts";
import { beforeAppend, callFailure, mayAppendAgain } from "./outcomes.ts";

/** Loads: at the home, which the snapshot is sent to piece by piece. */
export class ClusterLoads {
  readonly #parts: ClusterParts;
  readonly #forwarder: Forwarder;
  readonly #timing: ClusterTiming;
  readonly #sessions: LoadSessions;

  constructor(parts: ClusterParts, forwarder: Forwarder) {
    this.#parts = parts;
    this.#forwarder = forwarder;
    this.#timing = parts.timing ?? clusterTiming;
    this.#sessions = new LoadSessions({
      clock: parts.clock,
      idleMs: this.#timing.loadIdleMs,
      load: (input, chunks) => parts.local.load(input, chunks),
    });
  }

  async load(input: LoadInput, chunks: AsyncIterable<Uint8Array>): Promise<LoadResult> {
    checkContextId(input.contextId);
    const begun = await this.#begin(input, { hops: 0 }, () => 0n);
    if (begun.nodeId === this.#parts.view.selfId) return await this.#parts.local.load(input, chunks);
    return await this.#send(begun, chunks);
  }

  /** Takes a step of a load that came from another node. */
  async step(step: LoadStep, terms: CallTerms): Promise<LoadStepAnswer> {
    if (step.kind === "begin") {
      const { input } = step;
      checkContextId(input.contextId);
      return await this.#begin(input, terms, () => this.#sessions.begin(input));
    }
    const result = await this.#sessions.step(step);
    return { load: step.load, nodeId: this.#parts.view.selfId, result };
  }

  /** Finds the home, with nothing of the snapshot taken; `begin` names the load there. */
  #begin(input: LoadInput, terms: CallTerms, begin: () => bigint): Promise<LoadStepAnswer> {
    const { contextId } = input;
    return this.#forwarder.atHome({
      contextId,
      call: forwardedLoad,
      input: { kind: "begin", input },
      terms,
      writes: false,
      retryMs: this.#timing.appendRetryMs,
      answerMs: this.#timing.forwardMs,
      mayRepeat: (error) => mayAppendAgain(error, false),
      here: async () => {
        await this.#lead(contextId);
        return { load: begin(), nodeId: this.#parts.view.selfId, result: undefined };
      },
    });
  }

  async #lead(contextId: string): Promise<void> {
    try {
      await this.#parts.routing.lead(contextId);
    } catch (error) {
      throw beforeAppend(contextId, error);
    }
  }

  async #send({ load, nodeId }: LoadStepAnswer, chunks: AsyncIterable<Uint8Array>): Promise<LoadResult> {
    const idle = { timeoutMs: this.#timing.loadIdleMs, writes: false };
    try {
      for await (const chunk of chunks)
        for (let at = 0; at < chunk.length; at += limits.forwardedChunkBytes) {
          const bytes = chunk.subarray(at, at + limits.forwardedChunkBytes);
          await this.#step(nodeId, { kind: "chunk", load, bytes }, idle);
        }
    } catch (error) {
      void this.#step(nodeId, { kind: "abandon", load }, idle).catch(() => {});
      throw error;
    }
    const ending = { timeoutMs: this.#timing.loadEndMs, writes: true };
    const { result } = await this.#step(nodeId, { kind: "end", load }, ending);
    if (result === undefined) throw new Error("a load ended without a result");
    return result;
  }

  async #step(
    nodeId: string,
    step: LoadStep,
    { timeoutMs, writes }: { readonly timeoutMs: number; readonly writes: boolean },
  ): Promise<LoadStepAnswer> {
    const { peers, view } = this.#parts;
    const request = { hops: 1, method: forwardedLoad.method, body: forwardedLoad.encode(step) };
    try {
      const { body } = await peers.call(nodeId, "forward", request, { timeoutMs });
      return forwardedLoad.decodeAnswer(body);
    } catch (error) {
      throw callFailure(error, { node: view.nameOf(nodeId), writes });
    }
  }
}
