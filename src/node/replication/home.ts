import { compareEpochs, type Epoch } from "../../core/epoch.ts";
import { limits } from "../../core/limits.ts";
import { copiesRequired, promisesRequired } from "../../core/write-copies.ts";
import type { CopyCounts } from "../../ledger/shared-context.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import { Lead } from "../../sync/lead.ts";
import type { Position } from "../../sync/peer-messages.ts";
import { CopyWaits } from "./copy-waits.ts";
import type { LocalCopy } from "./local-copy.ts";
import { type ReplicationParts, type ReplicationTiming, replicationTiming } from "./parts.ts";
import type { PeerPipe, PipedContext } from "./peer-pipe.ts";
import { copiesMissing, isBelow, minCopiesMissing } from "./refusals.ts";

export interface HomeUses {
  readonly pipeTo: (nodeId: string) => PeerPipe;
  /** This node has become the home. */
  readonly begun: () => void;
  /** There is more to be seen, and written as committed. */
  readonly committed: () => void;
  /** A later epoch was promised to somebody. */
  readonly seen: (epoch: Epoch) => void;
  /** A follower found this node's copy damaged. */
  readonly suspected: (nodeId: string) => Promise<void>;
}

/** This node as the home of one context, while it is: what it stores goes to followers, and is seen once enough have it. */
export class Home implements PipedContext {
  readonly #parts: ReplicationParts;
  readonly #timing: ReplicationTiming;
  readonly #copy: LocalCopy;
  readonly #uses: HomeUses;
  readonly #copyWaits = new CopyWaits();
  #lead: Lead | undefined;
  #isStalled = false;
  #progressMs = 0;
  #cancelMark: (() => void) | undefined;
  #cancelStall: (() => void) | undefined;

  constructor(parts: ReplicationParts, copy: LocalCopy, uses: HomeUses) {
    this.#parts = parts;
    this.#timing = parts.timing ?? replicationTiming;
    this.#copy = copy;
    this.#uses = uses;
  }

  /** Undefined if this node is not the home. */
  get lead(): Lead | undefined {
    return this.#lead;
  }

  /** True if an append may go on at once. */
  get isWritable(): boolean {
    return this.#lead !== undefined && !this.#isStalled && this.seesEnough(this.#lead.holders);
  }

  /** Tells if enough of some holders are alive for anything to be committed. */
  seesEnough(holders: readonly string[]): boolean {
    return this.#alive(holders) >= copiesRequired(this.#parts.rules.writeCopies, holders.length);
  }

  /** Tells if enough of some holders are alive to promise anything. */
  seesPromises(holders: readonly string[]): boolean {
    return this.#alive(holders) >= promisesRequired(this.#parts.rules.writeCopies, holders.length);
  }

  /** Begins to be the home under an epoch that enough holders have promised, with the history that stands. */
  begin(epoch: Epoch, holders: readonly string[], start: Position, committed: number): void {
    const { view, rules } = this.#parts;
    const required = copiesRequired(rules.writeCopies, holders.length);
    const lead = new Lead({
      ...{ contextId: this.#copy.contextId, selfId: view.selfId, epoch, holders, required },
      ...{ start, committed, bufferBytesMax: limits.leadBufferBytesMax },
    });
    this.#lead = lead;
    this.#isStalled = false;
    const { shared } = this.#copy.state;
    if (shared !== undefined) {
      shared.isWritable = true;
      shared.counts = lead;
    }
    this.#publish(lead);
    this.#wake(lead, true);
    this.#uses.begun();
  }

  /** More is on this node's disk. */
  stored(rows: readonly StoredEntry[] | undefined): void {
    const lead = this.#lead;
    if (lead === undefined) return;
    if (this.#copy.tip !== undefined) this.#advance(lead, rows);
    else void this.#copy.position().then(() => this.#lead === lead && this.#advance(lead, undefined));
  }

  /**
   * Resolves when `minCopies` holders are known to have a committed entry. Rejects with UNAVAILABLE if that takes more than
   * `waitMs`, or another node takes over before.
   */
  async copied(sequence: number, minCopies: number, waitMs: number): Promise<void> {
    const lead = this.#lead;
    const { contextId } = this.#copy;
    if (lead === undefined) throw isBelow(contextId);
    const { reached, giveUp } = this.#copyWaits.until(lead, sequence, minCopies);
    const cancel = this.#parts.clock.after(waitMs, () =>
      giveUp(minCopiesMissing(contextId, { sequence, copies: lead.copiesOf(sequence), minCopies })),
    );
    await reached.finally(cancel);
  }

  /** Compares the history of every follower with this node's once more. */
  recheck(): void {
    const lead = this.#lead;
    if (lead === undefined) return;
    lead.recheck();
    this.#wake(lead, true);
  }

  /** A follower has answered. */
  progressed({ deposedBy }: { readonly deposedBy?: Epoch }): void {
    const lead = this.#lead;
    if (lead === undefined) return;
    if (deposedBy === undefined) return this.#publish(lead);
    this.#uses.seen(deposedBy);
    this.yieldTo(deposedBy);
  }

  /** Another writer has this epoch: if it is later, this node is the home no more. */
  yieldTo(epoch: Epoch): void {
    if (this.#lead !== undefined && compareEpochs(this.#lead.epoch, epoch) < 0) this.end();
  }

  /** Is the home no more. Who waits is told that nobody knows. */
  end(): void {
    const lead = this.#lead;
    this.#lead = undefined;
    this.#isStalled = false;
    this.#cancelMark?.();
    this.#cancelMark = undefined;
    this.#cancelStall?.();
    this.#cancelStall = undefined;
    const { state, contextId } = this.#copy;
    if (state.shared === undefined) return;
    state.shared.isWritable = false;
    if (lead !== undefined) state.shared.counts = lastCounts(lead);
    this.#copyWaits.fail(isBelow(contextId));
    state.shared.fail(isBelow(contextId));
  }

  suspect(nodeId: string): Promise<void> {
    return this.#uses.suspected(nodeId);
  }

  #alive(holders: readonly string[]): number {
    return holders.filter((nodeId) => this.#parts.view.isAlive(nodeId)).length;
  }

  #advance(lead: Lead, rows: readonly StoredEntry[] | undefined): void {
    const { tip } = this.#copy;
    if (tip === undefined || tip.latest < lead.latest) return;
    lead.advanced(tip, rows);
    this.#publish(lead);
    this.#wake(lead, false);
  }

  #wake(lead: Lead, mark: boolean): void {
    for (const nodeId of lead.followers()) this.#uses.pipeTo(nodeId).wake(this, mark);
  }

  /** Lets be seen what is committed, and tells followers. */
  #publish(lead: Lead): void {
    const { shared } = this.#copy.state;
    if (shared === undefined) return;
    this.#copyWaits.progressed(lead);
    const before = this.#copy.committed;
    shared.commit(lead.committed);
    const { clock } = this.#parts;
    if (this.#copy.committed > before) this.#progressMs = clock.monotonicMs();
    if (this.#isStalled && lead.committed === lead.latest) {
      this.#isStalled = false;
      shared.isWritable = true;
    }
    this.#uses.committed();
    if (!lead.isQuiet) this.#cancelMark ??= clock.after(this.#timing.markMs, () => this.#tellMark());
    if (lead.committed < lead.latest) this.#cancelStall ??= this.#armStall();
  }

  #tellMark(): void {
    this.#cancelMark = undefined;
    if (this.#lead !== undefined) this.#wake(this.#lead, true);
  }

  /** Without anything committed for a while, although something waits, nothing more is taken. */
  #armStall(): () => void {
    const { clock } = this.#parts;
    const sinceMs = clock.monotonicMs();
    return clock.after(this.#timing.stallMs, () => {
      this.#cancelStall = undefined;
      const { shared } = this.#copy.state;
      const lead = this.#lead;
      if (shared === undefined || lead === undefined || lead.committed === lead.latest) return;
      if (this.#progressMs < sinceMs) {
        this.#isStalled = true;
        shared.isWritable = false;
        shared.fail(copiesMissing(this.#copy.contextId, lead, this.#timing.stallMs));
      } else this.#cancelStall = this.#armStall();
    });
  }
}

/** What is left to say of copies when answers to what was committed are still on their way. */
function lastCounts({ holders, committed, required }: Lead): CopyCounts {
  return { holders, copiesOf: (sequence) => (sequence <= committed ? required : 1) };
}
