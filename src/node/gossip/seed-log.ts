import type { Log } from "../../core/log.ts";
import { type JoinOutcome, ownAddress } from "./joiner.ts";

/** While no seed is reached, one line in this time. */
const quietMs = 600_000;
/** Seeds that one line names. */
const namedMax = 4;

/** Writes into the log that no seed was reached, few lines however often it is tried, and at last that one was. */
export class SeedLog {
  readonly #log: Log;
  readonly #nowMs: () => number;
  #toldMs: number | undefined;

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** Takes how all seeds answered one try. */
  write(outcomes: readonly JoinOutcome[]): void {
    const joined = outcomes.find(({ error }) => error === undefined);
    if (joined !== undefined) {
      if (this.#toldMs !== undefined) this.#log.info("joined a seed", { seed: joined.address });
      this.#toldMs = undefined;
      return;
    }
    const nowMs = this.#nowMs();
    const failed = outcomes.filter(({ error }) => error !== ownAddress);
    if (failed.length === 0 || (this.#toldMs !== undefined && nowMs < this.#toldMs + quietMs)) return;
    this.#toldMs = nowMs;
    const failures = failed.slice(0, namedMax).map(({ address, error }) => `${address}: ${error}`);
    this.#log.warn("no seed was reached; they are tried again and again", { seeds: failed.length, failures });
  }
}
