import { hex } from "../../../src/core/hex.ts";
import type { World } from "./world.ts";

/** Looks at what every node shows, and remembers it: what was seen once is never seen otherwise. */
export class Readers {
  readonly #world: World;
  readonly #seen = new Map<string, string>();
  readonly #violated: (text: string) => void;

  constructor(world: World, violated: (text: string) => void) {
    this.#world = world;
    this.#violated = violated;
  }

  async look(contextIds: readonly string[]): Promise<void> {
    // There, what was seen may be superseded.
    if (this.#world.rules.writeCopies === "1") return;
    for (const { ledger } of this.#world.nodes) {
      if (ledger === undefined) continue;
      for (const contextId of contextIds) {
        const { entries } = await ledger.get({
          ...{ contextId, key: "", afterSequence: 0n, limit: 0, maxBytes: 0 },
          ...{ minSequence: 0n, resumeToken: new Uint8Array() },
        });
        for (const { sequence, contentHash } of entries)
          this.#see(`${contextId}@${sequence}`, hex(contentHash));
      }
    }
  }

  #see(place: string, hash: string): void {
    const before = this.#seen.get(place);
    if (before === undefined) this.#seen.set(place, hash);
    else if (before !== hash) this.#violated(`reader: somebody saw ${place} change`);
  }
}
