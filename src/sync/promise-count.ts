import { compareEpochs, type Epoch, laterEpoch, noEpoch } from "../core/epoch.ts";
import { promisesRequired, type WriteCopies } from "../core/write-copies.ts";
import type { PrepareResult } from "./peer-messages.ts";
import type { Candidate } from "./takeover.ts";

/**
 * Counts who promises one node to listen to it alone. Who the holders are is part of what it is told: those that the latest
 * accepted epoch came with count, and of those enough must promise.
 */
export class PromiseCount {
  readonly #writeCopies: WriteCopies;
  readonly #candidates = new Map<string, Candidate>();
  readonly #asked = new Set<string>();
  #holders: readonly string[];
  /** The epoch that the holders are known from. */
  #since: Epoch;
  /** Holders after a change that somebody who went with it knows of. */
  #hint: readonly string[] | undefined;
  #refusedBy: Epoch = noEpoch;

  /** `holders` are those that this node knows of; `own` is what it has itself. */
  constructor(holders: readonly string[], own: Candidate, writeCopies: WriteCopies) {
    this.#writeCopies = writeCopies;
    this.#holders = holders;
    this.#since = own.accepted;
    this.#candidates.set(own.nodeId, own);
    this.#asked.add(own.nodeId);
  }

  get holders(): readonly string[] {
    return this.#holders;
  }

  /** Everybody who has promised, this node included. */
  get candidates(): readonly Candidate[] {
    return [...this.#candidates.values()];
  }

  /** The latest epoch that anybody has promised in place of this one. */
  get refusedBy(): Epoch {
    return this.#refusedBy;
  }

  get isEnough(): boolean {
    const promised = this.#holders.filter((nodeId) => this.#candidates.has(nodeId)).length;
    return promised >= promisesRequired(this.#writeCopies, this.#holders.length);
  }

  /** Returns the holders that were not asked yet, and takes them for asked. */
  toAsk(): string[] {
    const next = this.#holders.filter((nodeId) => !this.#asked.has(nodeId));
    for (const nodeId of next) this.#asked.add(nodeId);
    return next;
  }

  answered(nodeId: string, answer: PrepareResult): void {
    switch (answer.kind) {
      case "promised":
        this.#candidates.set(nodeId, { nodeId, ...answer });
        if (compareEpochs(answer.accepted, this.#since) <= 0) return;
        this.#since = answer.accepted;
        this.#holders = answer.holders;
        return;
      case "empty":
        this.#candidates.set(nodeId, {
          ...{ nodeId, accepted: noEpoch, committed: 0, latest: 0 },
          ...{ root: new Uint8Array(), holders: [] },
        });
        return;
      case "refused":
        this.#refusedBy = laterEpoch(this.#refusedBy, answer.promised);
        return;
      case "not-holder":
        if (answer.holders.length > 0) this.#hint = answer.holders;
    }
  }

  /** Where too few promise: goes on with the holders that somebody named who is none any more. Returns if there are any. */
  followHint(): boolean {
    const hint = this.#hint;
    this.#hint = undefined;
    if (hint === undefined || hint.toSorted().join() === this.#holders.toSorted().join()) return false;
    this.#holders = hint;
    return true;
  }
}
