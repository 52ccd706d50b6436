/**
 * The background re-hash: all contexts one after the other in the byte order of their ids, the log of logs before them,
 * over and over, at a bounded rate.
 *
 * @module
 */

import type { DamageList } from "./damage-list.ts";
import type { DamageObserver } from "./observer.ts";
import { type Clock, nodeLogId, type Random, type Store, StoreError } from "./ports.ts";
import { ScrubPace } from "./scrub-pace.ts";
import type { Verification } from "./verification.ts";
import { isDamage } from "./verification-page.ts";

export interface ScrubberParts {
  readonly store: Pick<Store, "head" | "list" | "totals">;
  readonly clock: Clock;
  readonly random: Random;
  readonly verification: Verification;
  readonly damage: DamageList;
  readonly observer: DamageObserver;
  /** Entries that wait for their commit. */
  readonly queued: () => { readonly entries: number };
  /** 0 means never. */
  readonly entriesPerSecond: number;
}

/** How far scrubbing has come since it was started. */
export interface ScrubReading {
  readonly entries: number;
  /** Walks over everything that have come to their end. */
  readonly passes: number;
  /** Damaged entries, and contexts with damage above their entries. */
  readonly damaged: number;
  /** Since the end of the last walk; undefined if there was none. */
  readonly lastPassAgeSeconds: number | undefined;
}

const listedContexts = 256;
/** A walk begins at the earliest so long after the one before: a small ledger is not read without end. */
const passMsMin = 60_000;
/** How long to wait for a storage that does not answer, and after a mistake of this program. */
const retryMs = 1000;

export class Scrubber {
  readonly #parts: ScrubberParts;
  readonly #stopping = new AbortController();
  readonly #pace: ScrubPace;
  #running: Promise<void> = Promise.resolve();
  #entries = 0;
  #passes = 0;
  #passEndMs: number | undefined;

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
    this.#pace = new ScrubPace({ ...parts, signal: this.#stopping.signal });
  }

  get reading(): ScrubReading {
    const { clock, damage } = this.#parts;
    return {
      entries: this.#entries,
      passes: this.#passes,
      damaged: damage.count,
      lastPassAgeSeconds:
        this.#passEndMs === undefined ? undefined : (clock.monotonicMs() - this.#passEndMs) / 1000,
    };
  }

  /** Begins; call it once. Whatever goes wrong is reported, and the walk goes on. */
  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the page that is being verified is done. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { clock, damage, entriesPerSecond } = this.#parts;
    // What earlier runs have marked is known and reported even if nothing is scrubbed.
    await this.#untilDone(() => damage.load());
    if (entriesPerSecond === 0) return;
    // Processes that live shorter than a walk would otherwise always see the same contexts.
    const skipped = (await this.#untilDone(() => this.#randomPosition())) ?? 0;
    if (skipped > 0) await this.#walk(skipped);
    while (!this.#isStopped) {
      const startMs = clock.monotonicMs();
      if (await this.#pass()) {
        this.#passes += 1;
        this.#passEndMs = clock.monotonicMs();
      }
      await this.#pace.wait(startMs + passMsMin - clock.monotonicMs());
    }
  }

  /** Walks over everything, and forgets the marks of logs that no context has. Returns whether it came to the end. */
  async #pass(): Promise<boolean> {
    const { damage } = this.#parts;
    const unseen = new Set(damage.logs);
    damage.recount();
    if (!(await this.#walk(0, (log) => unseen.delete(log)))) return false;
    for (const log of unseen) await damage.forget(log);
    return true;
  }

  /**
   * Verifies all logs but the first `skipped`, and calls `see` with the number of each. Returns false if it could not
   * come to the end.
   */
  async #walk(skipped: number, see: (log: number) => void = () => {}): Promise<boolean> {
    const { store, damage } = this.#parts;
    let position = 0;
    const visit = async (contextId: string, log: number | undefined): Promise<void> => {
      position += 1;
      if (position <= skipped || this.#isStopped) return;
      if (log !== undefined) see(log);
      await this.#untilDone(() => this.#verify(contextId));
    };
    const node = await this.#untilDone(async () => ({ head: await store.head(nodeLogId) }));
    await visit(nodeLogId, node?.head?.log);
    for (let startAfter = ""; !this.#isStopped;) {
      const range = { prefix: "", startAfter, limit: listedContexts };
      const page = await this.#untilDone(async () => {
        try {
          return await store.list(range);
        } catch (error) {
          if (!isDamage(error)) throw error;
          damage.troubled(undefined, `contexts cannot be listed: ${error.message}`);
          return undefined;
        }
      });
      if (page === undefined) return false;
      const last = page.at(-1);
      if (last === undefined) {
        damage.troubled(undefined, undefined);
        return node !== undefined;
      }
      for (const { contextId, head } of page) await visit(contextId, head.log);
      startAfter = last.contextId;
      await this.#pace.spent({ entries: 1, bytes: 0 });
    }
    return false;
  }

  async #verify(contextId: string): Promise<void> {
    const { verification, damage } = this.#parts;
    try {
      let entries = 0;
      for await (const step of verification.steps(contextId, this.#stopping.signal)) {
        if (step.kind !== "progress") continue;
        entries += step.pageEntries;
        this.#entries += step.pageEntries;
        await this.#pace.spent({ entries: step.pageEntries, bytes: step.pageBytes });
      }
      if (entries === 0) await this.#pace.spent({ entries: 1, bytes: 0 });
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage.troubled(contextId, `it cannot be read: ${error.message}`);
      await this.#pace.spent({ entries: 1, bytes: 0 });
    }
  }

  /** Returns how many logs to leave out at first, each as likely as the others. */
  async #randomPosition(): Promise<number> {
    const bytes = new Uint8Array(4);
    this.#parts.random.fill(bytes);
    const { contexts } = await this.#parts.store.totals();
    return new DataView(bytes.buffer).getUint32(0) % (contexts + 1);
  }

  /**
   * Returns what `work` resolves with; works again after a while as long as the storage does not answer. Undefined if
   * scrubbing is stopped, or if it is a mistake of this program, which is reported.
   */
  async #untilDone<T>(work: () => Promise<T>): Promise<T | undefined> {
    while (!this.#isStopped) {
      try {
        return await work();
      } catch (error) {
        const isAway =
          error instanceof StoreError && (error.failure === "closed" || error.failure === "unknown");
        if (!isAway) this.#parts.observer.scrubFailed(error);
        await this.#pace.wait(retryMs);
        if (!isAway) return undefined;
      }
    }
    return undefined;
  }
}
