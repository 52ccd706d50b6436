import { asError } from "../../core/as-error.ts";
import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { Lead } from "../../sync/lead.ts";
import type { AdoptRequest, ReplicateItem } from "../../sync/peer-messages.ts";
import { type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";

/** A context of which this node is the home, as the pipes to its followers see it. */
export interface PipedContext {
  /** Undefined if this node is not the home any more. */
  readonly lead: Lead | undefined;
  /** A follower found this node's copy damaged. */
  suspect(nodeId: string): Promise<void>;
  /** Something about a follower has changed. */
  progressed(outcome: { readonly deposedBy?: { readonly counter: number; readonly nodeId: string } }): void;
}

interface Sent {
  readonly context: PipedContext;
  readonly lead: Lead;
  readonly item: ReplicateItem;
}

/**
 * Everything that goes from the contexts whose home this node is to one follower: rows of many contexts share messages,
 * a few of which are under way at a time. While the follower does not answer, nothing is kept for it here.
 */
export class PeerPipe {
  readonly #nodeId: string;
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  /** Contexts that may have something to send, oldest first; true if a committed sequence alone is reason enough. */
  #ready = new Map<PipedContext, boolean>();
  /** Contexts that wait for an adoption to end. */
  readonly #waiting = new Set<PipedContext>();
  #inFlight = 0;
  #adopting = 0;
  #isScheduled = false;
  #retryMs = 0;
  #cancelRetry: (() => void) | undefined;
  #isStopped = false;

  constructor(nodeId: string, parts: ReplicationParts) {
    this.#nodeId = nodeId;
    this.#parts = parts;
    this.#timing = parts.timing ?? replicationTiming;
  }

  /** A context may have something to send. */
  wake(context: PipedContext, mark: boolean): void {
    this.#ready.set(context, mark || this.#ready.get(context) === true);
    this.#schedule();
  }

  /** The follower is back, as far as anybody knows: it is tried at once. */
  revive(): void {
    this.#retryMs = 0;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry?.();
    this.#ready.clear();
  }

  /** What this turn of the event loop wakes shares a message. */
  #schedule(): void {
    if (this.#isScheduled || this.#isStopped || this.#cancelRetry !== undefined) return;
    this.#isScheduled = true;
    void Promise.resolve().then(() => {
      this.#isScheduled = false;
      while (this.#sendSome());
    });
  }

  /** Sends one message; returns if there may be another. */
  #sendSome(): boolean {
    if (this.#isStopped || this.#cancelRetry !== undefined) return false;
    if (this.#inFlight >= limits.replicateInFlightMax || this.#ready.size === 0) return false;
    if (!this.#parts.view.isAlive(this.#nodeId)) {
      this.#backOff();
      return false;
    }
    const batch: Sent[] = [];
    let bytesLeft: number = limits.replicateBytesMax;
    for (const [context, mark] of [...this.#ready]) {
      if (batch.length >= limits.replicateItemsMax || bytesLeft <= 0) break;
      const { lead } = context;
      const next = lead?.next(this.#nodeId, { bytesMax: bytesLeft, mark });
      if (next?.kind === "send" && lead !== undefined) {
        batch.push({ context, lead, item: next.item });
        for (const { wire } of next.item.rows) bytesLeft -= wire.length;
        if (next.through >= lead.latest) this.#ready.delete(context);
      } else {
        this.#ready.delete(context);
        if (next?.kind === "adopt" && lead !== undefined) this.#adoptSoon(context, lead, next.request);
      }
    }
    if (batch.length === 0) return false;
    this.#inFlight += 1;
    void this.#send(batch);
    return true;
  }

  async #send(batch: readonly Sent[]): Promise<void> {
    try {
      const { results } = await this.#parts.peers.call(
        this.#nodeId,
        "replicate",
        { items: batch.map(({ item }) => item) },
        { timeoutMs: this.#timing.replicateMs },
      );
      this.#retryMs = 0;
      let isBusy = false;
      for (const [index, { context, lead }] of batch.entries()) {
        const result = results[index] ?? { kind: "busy" };
        isBusy ||= result.kind === "busy" || result.kind === "not-holder";
        if (context.lead !== lead) continue;
        const outcome = lead.answered(this.#nodeId, result);
        if (outcome.again === true) this.#ready.set(context, this.#ready.get(context) ?? false);
        if (result.kind === "busy" || result.kind === "not-holder") this.#ready.set(context, true);
        context.progressed(outcome);
      }
      if (isBusy) this.#backOff();
    } catch (error) {
      this.#parts.log.debug("a follower did not take what it was sent", {
        node: this.#parts.view.nameOf(this.#nodeId),
        error: asError(error).message,
      });
      for (const { context, lead } of batch) {
        if (context.lead !== lead) continue;
        lead.failed(this.#nodeId);
        this.#ready.set(context, true);
        context.progressed({});
      }
      this.#backOff();
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
    }
  }

  #adoptSoon(context: PipedContext, lead: Lead, request: AdoptRequest): void {
    if (this.#adopting >= limits.adoptionsMax) {
      lead.adopted(this.#nodeId, undefined);
      this.#waiting.add(context);
      return;
    }
    this.#adopting += 1;
    void this.#adopt(context, lead, request);
  }

  async #adopt(context: PipedContext, lead: Lead, request: AdoptRequest): Promise<void> {
    let failed = false;
    try {
      const result = await this.#parts.peers.call(this.#nodeId, "adopt", request, {
        timeoutMs: this.#timing.adoptMs,
      });
      if (context.lead === lead) {
        const outcome = lead.adopted(this.#nodeId, result);
        failed = result.kind !== "stored" && result.kind !== "refused";
        context.progressed(outcome);
      }
    } catch (error) {
      failed = true;
      this.#parts.log.debug("a follower did not take a history", {
        ...{ node: this.#parts.view.nameOf(this.#nodeId), context: request.contextId },
        error: asError(error).message,
      });
      if (error instanceof LedgerError && error.facts.reason === "PEER_COPY_DAMAGED")
        await context.suspect(this.#nodeId).catch(() => {});
      if (context.lead === lead) lead.adopted(this.#nodeId, undefined);
    } finally {
      this.#adopting -= 1;
      this.#ready.set(context, true);
      for (const waiting of this.#waiting) this.#ready.set(waiting, true);
      this.#waiting.clear();
      if (failed) this.#backOff();
      this.#schedule();
    }
  }

  #backOff(): void {
    if (this.#isStopped || this.#cancelRetry !== undefined) return;
    const { retryMsMin, retryMsMax } = this.#timing;
    this.#retryMs = Math.min(retryMsMax, Math.max(retryMsMin, this.#retryMs * 2));
    const waitMs = this.#retryMs * (0.5 + this.#parts.random() / 2);
    this.#cancelRetry = this.#parts.clock.after(waitMs, () => {
      this.#cancelRetry = undefined;
      this.#schedule();
    });
  }
}
