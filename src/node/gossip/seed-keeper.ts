import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../core/limits.ts";
import { requirePeerAddress } from "../../core/peer-address.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import { formatEndpoint } from "./endpoint-text.ts";
import type { Joiner, JoinOutcome, ResolvedAddress } from "./joiner.ts";

/** How patient a node is with its seeds. */
export interface SeedPace {
  /** Until the first of them is joined; doubled each time, up to the maximum. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** From then on: how often the names of those who are no members are looked up again. */
  readonly refreshMs: number;
}

export const seedPace: SeedPace = { retryMsMin: 1000, retryMsMax: 15_000, refreshMs: 30_000 };

export interface SeedKeeperOptions {
  readonly joiner: Joiner;
  readonly pace: SeedPace;
  /** Tells the machine where seeds are, whenever that has changed. */
  readonly onSeeds: (seeds: readonly Endpoint[]) => void;
  /** Hears of every try to join until one succeeds. */
  readonly onTried: (outcomes: readonly JoinOutcome[]) => void;
  /** The endpoints of those who are members, as text. */
  readonly members: () => ReadonlySet<string>;
  /** Something has failed that never should. */
  readonly onFailed: (error: unknown) => void;
}

/** Joins seeds for as long as it takes, and keeps what their names stand for fresh. */
export class SeedKeeper {
  readonly #options: SeedKeeperOptions;
  #abort = new AbortController();

  constructor(options: SeedKeeperOptions) {
    this.#options = options;
  }

  /** Goes on with other seeds. Throws LedgerError JOIN_ADDRESS_INVALID if one is no address. */
  set(addresses: readonly string[]): void {
    for (const address of addresses) requirePeerAddress(address);
    this.stop();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#keep(addresses, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#options.onFailed(error);
    });
  }

  stop(): void {
    this.#abort.abort();
  }

  async #keep(addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const { joiner, pace, onSeeds } = this.#options;
    let known: readonly ResolvedAddress[] = [];
    let told: string | undefined;
    let isJoined = false;
    for (let retryMs = pace.retryMsMin; ; retryMs = Math.min(2 * retryMs, pace.retryMsMax)) {
      known = keepOlder(await joiner.resolve(addresses), known);
      if (signal.aborted) return;
      const seeds = known.flatMap(({ endpoints }) => endpoints).slice(0, limits.gossipSeedsMax);
      const text = seeds.map(formatEndpoint).join(" ");
      if (text !== told) onSeeds(seeds);
      told = text;
      if (addresses.length === 0) return;
      isJoined ||= await this.#tryAll(known, signal);
      // Everybody tries at the same moment after a power failure, unless delays differ.
      do await sleep(isJoined ? pace.refreshMs : retryMs * (0.75 + Math.random() / 4), undefined, { signal });
      while (isJoined && this.#areMembers(seeds));
    }
  }

  /** Tells if one of the seeds is joined. */
  async #tryAll(resolved: readonly ResolvedAddress[], signal: AbortSignal): Promise<boolean> {
    const members = this.#options.members();
    const all = resolved.flatMap(({ endpoints }) => endpoints);
    if (all.some((endpoint) => members.has(formatEndpoint(endpoint)))) return true;
    const outcomes = await this.#options.joiner.joinResolved(resolved, signal);
    if (!signal.aborted) this.#options.onTried(outcomes);
    return outcomes.some(({ error }) => error === undefined);
  }

  #areMembers(seeds: readonly Endpoint[]): boolean {
    const members = this.#options.members();
    return seeds.length > 0 && seeds.every((seed) => members.has(formatEndpoint(seed)));
  }
}

/** A name that cannot be looked up for a while stands for what it stood for. */
function keepOlder(
  found: readonly ResolvedAddress[],
  older: readonly ResolvedAddress[],
): readonly ResolvedAddress[] {
  return found.map((entry, index) => {
    const before = older[index];
    return entry.error !== undefined && before !== undefined && before.endpoints.length > 0 ? before : entry;
  });
}
