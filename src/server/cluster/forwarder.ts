import { LedgerError } from "../../core/errors.ts";
import type { ForwardedCall } from "../../rpc/forwarded/forwarded-call.ts";
import {
  type CallTerms,
  type ClusterParts,
  clusterTiming,
  type ClusterTiming,
  forwardsMax,
} from "./cluster-parts.ts";
import { callFailure, disputed, hasReason, isMisrouted, isUnreachable } from "./outcomes.ts";

/** Ends the name of an operation that any copy may answer. */
export const anyCopySuffix = "?any";

/** A call that the home of a context answers. */
export interface HomeCall<Input, Output> {
  readonly contextId: string;
  readonly call: ForwardedCall<Input, Output>;
  readonly input: Input;
  readonly terms: CallTerms;
  /** True if the call may write. */
  readonly writes: boolean;
  /** It is tried again for so long, if its caller has no earlier deadline. */
  readonly retryMs: number;
  /** For one answer of another node. */
  readonly answerMs: number;
  /** Answers it on this node, if that is the home. */
  readonly here: () => Promise<Output>;
  /** Tells if it may be tried again after an error. */
  readonly mayRepeat: (error: unknown) => boolean;
}

/** Brings calls to the nodes that can answer them. */
export class Forwarder {
  readonly #parts: ClusterParts;
  readonly #timing: ClusterTiming;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#timing = parts.timing ?? clusterTiming;
  }

  /**
   * Answers a call at the home of its context, wherever that is. The node that the client is connected to tries again, as
   * long as that can change nothing twice; those in between try once.
   */
  async atHome<Input, Output>(asked: HomeCall<Input, Output>): Promise<Output> {
    const { clock, routing, random } = this.#parts;
    const { contextId, terms, retryMs, mayRepeat } = asked;
    const beganMs = clock.monotonicMs();
    const giveUpMs = beganMs + (terms.timeoutMs ?? retryMs);
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(asked, beganMs);
      } catch (error) {
        if (terms.hops > 0 || terms.signal?.aborted === true || !mayRepeat(error)) throw error;
        const { retryMsMin, retryMsMax } = this.#timing;
        const boundMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(attempt, 16));
        const waitMs = boundMs * (0.5 + random() / 2);
        if (clock.monotonicMs() + waitMs >= giveUpMs) throw error;
        await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
        if (isMisrouted(error)) await routing.relocate(contextId);
      }
    }
  }

  /** Answers a call at any other node that keeps its context, the first one that is reached. */
  async atAny<Input, Output>(
    asked: Pick<HomeCall<Input, Output>, "contextId" | "call" | "input" | "terms" | "answerMs" | "writes">,
    holders: readonly string[],
  ): Promise<Output> {
    const { view } = this.#parts;
    const { contextId, terms } = asked;
    const names = holders.map((nodeId) => view.nameOf(nodeId)).join(", ");
    if (terms.hops >= forwardsMax)
      throw disputed(contextId, `${view.nameOf(view.selfId)} takes ${names} for its holders`);
    let failure: unknown = new LedgerError("UNAVAILABLE", `none of ${names} is alive`, {
      ...{ reason: "HOME_UNREACHABLE", remedy: "bring one of them back", retryAfterMs: 1000 },
    });
    for (const nodeId of holders) {
      if (nodeId === view.selfId || !view.isAlive(nodeId)) continue;
      try {
        return await this.#send(nodeId, asked, this.#parts.clock.monotonicMs(), anyCopySuffix);
      } catch (error) {
        if (!isUnreachable(error) && !hasReason(error, "PEER_BUSY")) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #once<Input, Output>(asked: HomeCall<Input, Output>, beganMs: number): Promise<Output> {
    const { routing, view } = this.#parts;
    const { contextId, terms } = asked;
    const route = await routing.route(contextId);
    if (route.kind === "here") return await asked.here();
    const own = `${view.nameOf(view.selfId)} takes ${view.nameOf(route.nodeId)} for its home`;
    if (terms.hops >= forwardsMax) throw disputed(contextId, own);
    try {
      return await this.#send(route.nodeId, asked, beganMs);
    } catch (error) {
      if (hasReason(error, "HOME_DISPUTED") && error instanceof LedgerError)
        throw disputed(contextId, `${own}, ${String(error.facts.value)}`);
      if (!isUnreachable(error) || terms.hops + 2 > forwardsMax) throw error;
      return await this.#around(route.nodeId, asked, beganMs, error);
    }
  }

  /** The home is alive, as far as anybody knows, and this node does not reach it: another holder may. */
  async #around<Input, Output>(
    home: string,
    asked: HomeCall<Input, Output>,
    beganMs: number,
    failure: unknown,
  ): Promise<Output> {
    const { routing, view } = this.#parts;
    for (const nodeId of await routing.locate(asked.contextId)) {
      if (nodeId === home || nodeId === view.selfId || !view.isAlive(nodeId)) continue;
      try {
        return await this.#send(nodeId, asked, beganMs);
      } catch (error) {
        if (!isUnreachable(error)) throw error;
      }
    }
    throw failure;
  }

  async #send<Input, Output>(
    nodeId: string,
    {
      call,
      input,
      terms,
      answerMs,
      writes,
    }: Pick<HomeCall<Input, Output>, "call" | "input" | "terms" | "answerMs" | "writes">,
    beganMs: number,
    suffix = "",
  ): Promise<Output> {
    const { peers, view, clock } = this.#parts;
    const leftMs =
      terms.timeoutMs === undefined ? answerMs : terms.timeoutMs - (clock.monotonicMs() - beganMs);
    const { signal } = terms;
    const options = { timeoutMs: Math.max(1, leftMs), ...(signal === undefined ? {} : { signal }) };
    const request = { hops: terms.hops + 1, method: call.method + suffix, body: call.encode(input) };
    let body: Uint8Array;
    try {
      ({ body } = await peers.call(nodeId, "forward", request, options));
    } catch (error) {
      throw callFailure(error, { node: view.nameOf(nodeId), writes });
    }
    return call.decodeAnswer(body);
  }
}
