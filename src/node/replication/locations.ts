import { limits } from "../../core/limits.ts";
import { compareHistories } from "../../sync/takeover.ts";
import type { Holding } from "../../sync/peer-messages.ts";
import type { ReplicationParts } from "./parts.ts";

/** Remembers who keeps contexts that this node does not keep, and asks the others about those it has not heard of. */
export class Locations {
  readonly #parts: ReplicationParts;
  readonly #askMs: number;
  /** Least recently used first. */
  readonly #known = new Map<string, readonly string[]>();

  constructor(parts: ReplicationParts, askMs: number) {
    this.#parts = parts;
    this.#askMs = askMs;
  }

  known(contextId: string): readonly string[] | undefined {
    const holders = this.#known.get(contextId);
    if (holders === undefined) return undefined;
    this.#known.delete(contextId);
    this.#known.set(contextId, holders);
    return holders;
  }

  /** What was known is not so any more. */
  forget(contextId: string): void {
    this.#known.delete(contextId);
  }

  /**
   * Asks every other node that is alive who keeps a context. Resolves with the holders that the newest history names;
   * undefined if nobody who answered has it.
   */
  async find(contextId: string): Promise<readonly string[] | undefined> {
    const { view, peers } = this.#parts;
    const others = view.roster().filter((nodeId) => nodeId !== view.selfId && view.isAlive(nodeId));
    const answers = await Promise.all(
      others.map(async (nodeId): Promise<Holding | undefined> => {
        try {
          const { holding } = await peers.call(nodeId, "holding", { contextId }, { timeoutMs: this.#askMs });
          return holding?.leaving === true ? undefined : holding;
        } catch {
          return undefined;
        }
      }),
    );
    let best: Holding | undefined;
    for (const holding of answers)
      if (holding !== undefined && (best === undefined || compareHistories(holding, best) > 0))
        best = holding;
    if (best === undefined) return undefined;
    this.#remember(contextId, best.holders);
    return best.holders;
  }

  #remember(contextId: string, holders: readonly string[]): void {
    this.#known.delete(contextId);
    this.#known.set(contextId, holders);
    if (this.#known.size <= limits.locationsCachedMax) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
