import { asError } from "../../core/as-error.ts";
import type { DamagedContext } from "../../ledger/repairs.ts";
import type { ContextReplica } from "./context-replica.ts";
import { mendEntry } from "./mending.ts";
import { delay, type ReplicationParts, replicationTiming } from "./parts.ts";
import { RetriedWork } from "./retried-work.ts";
import type { ReplicationCounts } from "./replication-counts.ts";

export interface RepairKeeperParts extends ReplicationParts {
  readonly open: (contextId: string) => Promise<ContextReplica>;
  readonly counts: ReplicationCounts;
}

export interface RepairTiming {
  /** Between two entries, so that repair leaves room for what clients want. */
  readonly pauseMs: number;
  /** Until what could not be mended is tried again; doubles each time up to the maximum. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export const repairTiming: RepairTiming = { pauseMs: 10, retryMsMin: 1000, retryMsMax: 60_000 };

/**
 * Mends what is found to be damaged on this node, one entry after the other, with what other holders have: at once when it is
 * found, and again and again while nobody has what is needed.
 */
export class RepairKeeper {
  readonly #parts: RepairKeeperParts;
  readonly #timing: RepairTiming;
  readonly #forget: () => void;
  readonly #mending: RetriedWork;
  /** Contexts in which something is wrong that no tree explains: they are not read again and again. */
  readonly #hopeless = new Set<string>();

  constructor(parts: RepairKeeperParts, timing = repairTiming) {
    this.#parts = parts;
    this.#timing = timing;
    const { clock, random } = parts;
    const { retryMsMin, retryMsMax } = timing;
    this.#mending = new RetriedWork({ clock, random, work: () => this.#mendAll(), retryMsMin, retryMsMax });
    this.#forget = parts.replicas.repairs.onFound(() => {
      this.#hopeless.clear();
      this.wake();
    });
    // Marks of earlier runs.
    this.wake();
  }

  /** There may be something to mend, or somebody new to mend it with. */
  wake(): void {
    this.#mending.wake();
  }

  stop(): void {
    this.#mending.stop();
    this.#forget();
  }

  get #isStopped(): boolean {
    return this.#mending.isStopped;
  }

  /** Returns true if nothing is left that can be mended. */
  async #mendAll(): Promise<boolean> {
    let isDone = true;
    try {
      for (const damaged of await this.#parts.replicas.repairs.contexts()) {
        if (this.#isStopped) return true;
        if (!(await this.#mendContext(damaged))) isDone = false;
      }
    } catch (error) {
      this.#parts.log.debug("damage was not looked at", { error: asError(error).message });
      return false;
    }
    return isDone;
  }

  async #mendContext({ contextId, sequences, isTroubled }: DamagedContext): Promise<boolean> {
    try {
      const replica = await this.#parts.open(contextId);
      let isDone = true;
      for (const sequence of sequences) {
        if (this.#isStopped) return true;
        if (!(await this.#mendEntry(replica, sequence))) isDone = false;
        await delay(this.#parts.clock, this.#timing.pauseMs);
      }
      if (!isTroubled || !isDone) return isDone;
      return await this.#mendTree(replica);
    } catch (error) {
      this.#parts.log.debug("a context was not mended", {
        context: contextId,
        error: asError(error).message,
      });
      return false;
    }
  }

  async #mendEntry(replica: ContextReplica, sequence: number): Promise<boolean> {
    const { counts, log, view, timing = replicationTiming } = this.#parts;
    const { contextId } = replica;
    const { mending, from } = await mendEntry(this.#parts, replica, sequence, timing.askMs);
    if (mending.kind !== "intact") {
      counts.repairs.failures += 1;
      log.debug("a damaged entry was not mended", { context: contextId, sequence, outcome: mending.kind });
      return false;
    }
    if (!mending.isWritten) return true;
    if (mending.isNewLeaf) await replica.treeChanged();
    counts.repairs.entries += 1;
    const node = from === undefined ? {} : { node: view.nameOf(from) };
    log.info("a damaged entry was mended", { contextId, sequence, ...node });
    return true;
  }

  async #mendTree(replica: ContextReplica): Promise<boolean> {
    const { counts, log, replicas } = this.#parts;
    const { contextId, state } = replica;
    if (this.#hopeless.has(contextId)) return true;
    const { written, damaged } = await replicas.repairs.mendTree(state, (work) => replica.alone(work));
    if (written > 0) {
      await replica.treeChanged();
      counts.repairs.nodes += written;
      log.info("damaged nodes of a tree were computed anew", { contextId, nodes: written });
    }
    // They are marked now, and mended before the tree is looked at again.
    if (damaged > 0) return false;
    if (await replicas.repairs.verifyAll(state, this.#mending.signal)) return true;
    if (this.#isStopped) return true;
    counts.repairs.failures += 1;
    this.#hopeless.add(contextId);
    return true;
  }
}
