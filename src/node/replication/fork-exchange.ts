import { asError } from "../../core/as-error.ts";
import type { Hasher } from "../../core/hasher.ts";
import { hex } from "../../core/hex.ts";
import { limits } from "../../core/limits.ts";
import { encodeUtf8 } from "../../core/utf8.ts";
import { forkKey } from "../../ledger/fork-records.ts";
import type { ForkRecord } from "../../ledger/ports.ts";
import type { PeerCalls } from "../../sync/peer-messages.ts";
import { type ReplicationParts, replicationTiming } from "./parts.ts";

export interface ForkExchangeParts extends ReplicationParts {
  /** Forks of a context have become known here that were not. */
  readonly learned: (contextId: string, from: string) => void;
}

const printBytes = 8;
const contextsPerTurn = 64;
const retryMsMax = 30_000;
const exchangesMax = 4;
const callMs = 10_000;

/**
 * Sees to it that every holder of a context knows of its forks. Two nodes that exchange what they know both know all of it
 * afterwards; who has something to tell begins, and tries until the other has answered.
 */
export class ForkExchange {
  readonly #parts: ForkExchangeParts;
  /** Who is to be told, by context and node. */
  readonly #pending = new Map<string, { readonly contextId: string; readonly nodeId: string }>();
  #running = 0;
  #waitMs = 0;
  #cancelRetry: (() => void) | undefined;
  #isStopped = false;

  constructor(parts: ForkExchangeParts) {
    this.#parts = parts;
  }

  /**
   * Tells every holder of what is known here already: this process does not know whom an earlier one has told. Looks at every
   * context, and only where forks are to be expected.
   */
  async begin(): Promise<void> {
    const { replicas, rules, clock, log } = this.#parts;
    if (rules.writeCopies !== "1") return;
    try {
      for (let after: string | undefined = ""; after !== undefined && !this.#isStopped;) {
        const page = await replicas.replicas(after, contextsPerTurn);
        for (const { contextId, holders } of page)
          if ((await replicas.forks(contextId, 1)).length > 0)
            for (const nodeId of holders)
              if (nodeId !== this.#parts.view.selfId) this.wake(contextId, nodeId);
        after = page.at(-1)?.contextId;
        await clock.yield();
      }
    } catch (error) {
      log.debug("not every fork that is known was told", { error: asError(error).message });
    }
  }

  /** Tells a node soon, if there is anything to tell. */
  wake(contextId: string, nodeId: string): void {
    this.#pending.set(`${nodeId} ${contextId}`, { contextId, nodeId });
    this.#work();
  }

  /** A node may be back. */
  revive(): void {
    this.#waitMs = 0;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#work();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry?.();
    this.#pending.clear();
  }

  /** Resolves when this node and another one know the same forks of a context. Rejects with LedgerError. */
  async exchange(contextId: string, nodeId: string): Promise<void> {
    const { replicas, peers } = this.#parts;
    let forks: readonly ForkRecord[] = [];
    if ((await this.#known(contextId)).length === 0) return;
    // Each round moves a record at least, unless there are more than are kept.
    for (let round = 0; round <= 2 * limits.forksPerContextMax; round += 1) {
      const known = await this.#known(contextId);
      const request = { contextId, known: this.#prints(known), forks };
      const answer = await peers.call(nodeId, "forks", request, { timeoutMs: callMs });
      const told = answer.forks.map((fork) => ({ ...fork, contextId }));
      if (await replicas.recordForks(contextId, told)) this.#parts.learned(contextId, nodeId);
      forks = this.#lacking(await this.#known(contextId), answer.known);
      if (told.length === 0 && forks.length === 0) return;
    }
  }

  /** Takes what another node knows, and tells what this one knows beyond that. */
  async answer(
    from: string,
    { contextId, known, forks }: PeerCalls["forks"]["request"],
  ): Promise<PeerCalls["forks"]["answer"]> {
    const told = forks.map((fork) => ({ ...fork, contextId }));
    if (await this.#parts.replicas.recordForks(contextId, told)) this.#parts.learned(contextId, from);
    const own = await this.#known(contextId);
    return { known: this.#prints(own), forks: this.#lacking(own, known) };
  }

  #known(contextId: string): Promise<readonly ForkRecord[]> {
    return this.#parts.replicas.forks(contextId, limits.forksPerContextMax);
  }

  #work(): void {
    if (this.#isStopped || this.#cancelRetry !== undefined) return;
    for (const [key, one] of this.#pending) {
      if (this.#running >= exchangesMax) return;
      this.#pending.delete(key);
      this.#running += 1;
      void this.#tell(key, one);
    }
  }

  /** Never rejects. */
  async #tell(key: string, one: { readonly contextId: string; readonly nodeId: string }): Promise<void> {
    const { contextId, nodeId } = one;
    const { view, log } = this.#parts;
    try {
      await this.exchange(contextId, nodeId);
      this.#waitMs = 0;
    } catch (error) {
      log.debug("a node was not told of a fork", {
        ...{ context: contextId, node: view.nameOf(nodeId), error: asError(error).message },
      });
      if (!this.#isStopped && (await this.#concerns(one))) this.#pending.set(key, one);
      this.#retryLater();
    }
    this.#running -= 1;
    this.#work();
  }

  /** Returns if a node is to know the forks of a context, as far as this one can tell. */
  async #concerns({ contextId, nodeId }: { contextId: string; nodeId: string }): Promise<boolean> {
    const replica = await this.#parts.replicas.replica(contextId).catch(() => undefined);
    return replica?.holders.includes(nodeId) === true;
  }

  #retryLater(): void {
    if (this.#isStopped || this.#cancelRetry !== undefined) return;
    const { timing = replicationTiming, clock, random } = this.#parts;
    this.#waitMs = Math.min(retryMsMax, Math.max(timing.retryMsMin, this.#waitMs * 2));
    this.#cancelRetry = clock.after(this.#waitMs * (0.5 + random() / 2), () => {
      this.#cancelRetry = undefined;
      this.#work();
    });
  }

  #prints(forks: readonly ForkRecord[]): Uint8Array {
    const packed = new Uint8Array(printBytes * forks.length);
    for (const [index, fork] of forks.entries())
      packed.set(printOf(fork, this.#parts.hasher), printBytes * index);
    return packed;
  }

  /** Returns records that are not among those another node knows, as many as a message takes, at least one. */
  #lacking(forks: readonly ForkRecord[], known: Uint8Array): ForkRecord[] {
    const prints = new Set<string>();
    for (let at = 0; at < known.length; at += printBytes)
      prints.add(hex(known.subarray(at, at + printBytes)));
    const lacking: ForkRecord[] = [];
    let bytes = 0;
    for (const fork of forks) {
      if (prints.has(hex(printOf(fork, this.#parts.hasher)))) continue;
      bytes += fork.hashes.length;
      if (lacking.length > 0 && bytes > limits.offerBytesMax) break;
      lacking.push(fork);
    }
    return lacking;
  }
}

function printOf(fork: ForkRecord, hasher: Hasher): Uint8Array {
  return hasher.sha256(encodeUtf8(forkKey(fork))).subarray(0, printBytes);
}
