import { limits } from "../../core/limits.ts";
import { compareHistories } from "../../sync/takeover.ts";
import type { Holding } from "../../sync/peer-messages.ts";
import { hasBegun } from "../../sync/terms.ts";
import { askHolding } from "./ask-holding.ts";
import type { ReplicationParts } from "./parts.ts";

export interface Found {
  /** Undefined if nobody who answered has anything of the context. */
  readonly newest: Holding | undefined;
  readonly silent: readonly string[];
}

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
   * Asks every other node who keeps a context. Resolves with what the newest history is, and who did not answer; those that
   * are taken for dead are not asked, and are among them.
   */
  async find(contextId: string): Promise<Found> {
    const { view } = this.#parts;
    const silent: string[] = [];
    let newest: Holding | undefined;
    await Promise.all(
      view.roster().map(async (nodeId) => {
        if (!view.isAlive(nodeId)) silent.push(nodeId);
        if (!view.isAlive(nodeId) || nodeId === view.selfId) return;
        try {
          const holding = await askHolding(this.#parts, nodeId, contextId, this.#askMs);
          const isKept = holding !== undefined && !holding.leaving && hasBegun(holding);
          if (isKept && (newest === undefined || compareHistories(holding, newest) > 0)) newest = holding;
        } catch {
          silent.push(nodeId);
        }
      }),
    );
    if (newest !== undefined) this.#remember(contextId, newest.holders);
    return { newest, silent };
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
