import { asError } from "../../core/as-error.ts";
import { LedgerError } from "../../core/errors.ts";
import type { Clock } from "../../ledger/ports.ts";
import { groupHomeless, groupHomeUnreachable, messageOutcomeUnknown } from "../../sync/group-errors.ts";
import type { ClusterView } from "../../sync/view.ts";
import type { GroupTiming } from "./group-timing.ts";

export interface GroupAnswersParts {
  readonly view: ClusterView;
  readonly homeOf: (contextId: string) => Promise<string | undefined>;
  /** What this node knows of where a context is kept has turned out to be wrong. */
  readonly relocate: (contextId: string) => Promise<void>;
  readonly clock: Pick<Clock, "monotonicMs" | "after">;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly timing: GroupTiming;
}

/** What the home of a group is asked once. */
export interface GroupQuestion<Answer> {
  readonly contextId: string;
  /** True if it must not be asked twice. */
  readonly writes: boolean;
  /** Asks a node, this one or another, for a bounded time. */
  readonly ask: (home: string) => Promise<Answer>;
  readonly signal: AbortSignal;
}

/** Reasons of errors that are only given when nothing was done. */
const nothingDone: ReadonlySet<string> = new Set([
  ...["PEER_UNREACHABLE", "PEER_STARTING", "PEER_BUSY"],
  ...["NOT_HOME", "NO_HOME", "NOT_JOINED", "REPLICATION_RESTARTING"],
]);
/** Reasons for which the answer, if there was one, is not known. */
const lost: ReadonlySet<string> = new Set(["PEER_LOST", "PEER_TIMEOUT", "PEER_CANCELLED"]);

/** Asks the homes of groups: again, for a bounded time, if that can do nothing twice. */
export class GroupAnswers {
  readonly #parts: GroupAnswersParts;

  constructor(parts: GroupAnswersParts) {
    this.#parts = parts;
  }

  /** Rejects with LedgerError. */
  async ask<Answer>(question: GroupQuestion<Answer>): Promise<Answer> {
    const { clock, timing, random, relocate } = this.#parts;
    const { contextId, writes, signal } = question;
    const giveUpMs = clock.monotonicMs() + timing.retryMs;
    for (let attempt = 0; ; attempt += 1) {
      let home: string | undefined;
      let failure: LedgerError;
      try {
        home = await this.#parts.homeOf(contextId);
        if (home === undefined) throw groupHomeless(contextId);
        return await question.ask(home);
      } catch (error) {
        if (!(error instanceof LedgerError)) throw asError(error);
        failure = error;
      }
      const { reason } = failure.facts;
      const mayRepeat = nothingDone.has(reason) || (!writes && lost.has(reason));
      const boundMs = Math.min(timing.retryMsMax, timing.retryMsMin * 2 ** Math.min(attempt, 16));
      const waitMs = boundMs * (0.5 + random() / 2);
      if (!mayRepeat || signal.aborted || clock.monotonicMs() + waitMs >= giveUpMs)
        throw this.#told(failure, question, home);
      await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
      if (reason === "NOT_HOME") await relocate(contextId);
    }
  }

  /** Returns what the client is told: what happened between two nodes in terms of its own call. */
  #told(
    failure: LedgerError,
    { contextId, writes }: Pick<GroupQuestion<unknown>, "contextId" | "writes">,
    home: string | undefined,
  ): LedgerError {
    const { reason } = failure.facts;
    const name = home === undefined ? "" : this.#parts.view.nameOf(home);
    if (reason === "PEER_UNREACHABLE" || reason === "PEER_STARTING" || reason === "PEER_CALL_UNKNOWN")
      return groupHomeUnreachable(contextId, name, failure);
    if (!lost.has(reason)) return failure;
    return writes
      ? messageOutcomeUnknown(contextId, name, failure)
      : groupHomeUnreachable(contextId, name, failure);
  }
}
