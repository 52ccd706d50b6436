import { asError } from "../../core/as-error.ts";
import type { DigestEntry } from "../../sync/peer-messages.ts";
import type { DigestKeeper } from "./digest-keeper.ts";
import type { ReplicationParts } from "./parts.ts";

export interface AntiEntropyParts extends ReplicationParts {
  readonly digests: DigestKeeper;
  /** Makes the home of a context bring its holders to one history. */
  readonly nudge: (contextId: string) => Promise<void>;
}

export interface AntiEntropyTiming {
  /** Between two comparisons. */
  readonly intervalMs: number;
  /** From when another node is back until it is compared with. */
  readonly returnedMs: number;
  readonly askMs: number;
}

export const antiEntropyTiming: AntiEntropyTiming = { intervalMs: 30_000, returnedMs: 1000, askMs: 10_000 };

/** Contexts of one bucket that are asked for at once. */
const pageMax = 256;
/** Contexts that one comparison sees to; the next one finds the others. */
const nudgesMax = 1024;

/**
 * Compares what this node keeps with what others keep, one at a time: at intervals, and soon after one is back. Where two
 * differ, the home of the context is told.
 */
export class AntiEntropy {
  readonly #parts: AntiEntropyParts;
  readonly #timing: AntiEntropyTiming;
  #cancel: (() => void) | undefined;
  /** Nodes that are compared with first. */
  readonly #returned = new Set<string>();
  #alive = new Set<string>();
  #isRunning = false;
  #isStopped = false;
  /** Comparisons that ended well, and contexts that differed in them. */
  readonly counts = { rounds: 0, differing: 0 };

  constructor(parts: AntiEntropyParts, timing = antiEntropyTiming) {
    this.#parts = parts;
    this.#timing = timing;
    this.#alive = new Set(this.#others());
    this.#arm(this.#timing.intervalMs);
  }

  /** The cluster looks different. */
  changed(): void {
    const alive = new Set(this.#others());
    for (const nodeId of alive) if (!this.#alive.has(nodeId)) this.#returned.add(nodeId);
    this.#alive = alive;
    if (this.#returned.size > 0 && !this.#isRunning) this.#arm(this.#timing.returnedMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #others(): string[] {
    const { view } = this.#parts;
    return view.roster().filter((nodeId) => nodeId !== view.selfId && view.isAlive(nodeId));
  }

  #arm(afterMs: number): void {
    this.#cancel?.();
    if (this.#isStopped) return;
    const waitMs = afterMs * (0.75 + this.#parts.random() / 2);
    this.#cancel = this.#parts.clock.after(waitMs, () => void this.#round());
  }

  async #round(): Promise<void> {
    this.#isRunning = true;
    const others = this.#others();
    const [returned] = this.#returned;
    const nodeId = returned ?? others[Math.floor(this.#parts.random() * others.length)];
    if (returned !== undefined) this.#returned.delete(returned);
    try {
      if (nodeId !== undefined && others.includes(nodeId) && this.#parts.view.hasExchanged)
        await this.#compare(nodeId);
    } catch (error) {
      const node = this.#parts.view.nameOf(nodeId ?? "");
      this.#parts.log.debug("a comparison with another node failed", { node, error: asError(error).message });
    } finally {
      this.#isRunning = false;
      this.#arm(this.#returned.size > 0 ? this.#timing.returnedMs : this.#timing.intervalMs);
    }
  }

  async #compare(nodeId: string): Promise<void> {
    const { digests, nudge } = this.#parts;
    const buckets = await digests.differing(nodeId, this.#timing.askMs);
    const unequal = new Set(digests.unsettled);
    for (const bucket of buckets) {
      if (unequal.size >= nudgesMax) break;
      for (const contextId of await this.#differing(nodeId, bucket)) unequal.add(contextId);
    }
    for (const contextId of [...unequal].slice(0, nudgesMax)) {
      if (this.#isStopped) return;
      this.counts.differing += 1;
      await nudge(contextId).catch((error: unknown) =>
        this.#parts.log.debug("copies of a context stay different", {
          ...{ context: contextId, error: asError(error).message },
        }),
      );
    }
    this.counts.rounds += 1;
  }

  /** Returns the contexts of a bucket of which this node and another have something else. */
  async #differing(nodeId: string, bucket: number): Promise<Set<string>> {
    const { digests, peers } = this.#parts;
    const own = await all((startAfter) => digests.bucket(nodeId, { bucket, startAfter, limit: pageMax }));
    const theirs = await all((startAfter) =>
      peers.call(nodeId, "bucket", { bucket, startAfter, limit: pageMax }, { timeoutMs: this.#timing.askMs }),
    );
    const differing = new Set<string>();
    for (const [contextId, { item }] of own) {
      const other = theirs.get(contextId);
      if (other === undefined || Buffer.compare(other.item, item) !== 0) differing.add(contextId);
    }
    for (const contextId of theirs.keys()) if (!own.has(contextId)) differing.add(contextId);
    return differing;
  }
}

async function all(
  page: (startAfter: string) => Promise<{ entries: readonly DigestEntry[]; more: boolean }>,
): Promise<Map<string, DigestEntry>> {
  const found = new Map<string, DigestEntry>();
  let startAfter = "";
  for (;;) {
    const { entries, more } = await page(startAfter);
    for (const entry of entries) found.set(entry.contextId, entry);
    startAfter = entries.at(-1)?.contextId ?? startAfter;
    if (!more) return found;
  }
}
