import { asError } from "../../core/as-error.ts";
import { LedgerError } from "../../core/errors.ts";
import { inLanes } from "../in-lanes.ts";
import { limits } from "../../core/limits.ts";
import { parsePeerAddress, requirePeerAddress } from "../../core/peer-address.ts";
import type { Effect } from "../../swim/effect.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import { formatEndpoint } from "./endpoint-text.ts";
import { parseIp } from "./ip-address.ts";
import { type Lookup, resolveEndpoints } from "./resolve.ts";

/** How one address that was to be joined answered; as the API tells it. */
export interface JoinOutcome {
  /** As it was asked for. */
  readonly address: string;
  /** Members that the node there told of, itself included; 0 if it was not reached. */
  readonly members: number;
  /** Why it failed; undefined if it did not. */
  readonly error: string | undefined;
  /** Set if it failed because the nodes there cannot be members together with this one. */
  readonly isRefused?: true;
}

/** Why this node does not join itself. */
export const ownAddress = "it is the address of this node";

/**
 * Tells whether an address is a place, and not a name, that is this node itself. A name may come to stand for others.
 */
export function isOwnPlace({ address, error }: Pick<JoinOutcome, "address" | "error">): boolean {
  const host = parsePeerAddress(address)?.host;
  return error === ownAddress && host !== undefined && parseIp(host) !== undefined;
}

/** What an address stands for; this node itself is left out. */
export interface ResolvedAddress {
  readonly address: string;
  readonly endpoints: readonly Endpoint[];
  /** Why there are no endpoints; undefined if there are. */
  readonly error: string | undefined;
}

export interface JoinerOptions {
  /** Asks the machine to join; {@link Joiner.ended} tells how it went. */
  readonly join: (to: Endpoint, request: number) => void;
  readonly isOwn: (endpoint: Endpoint) => boolean;
  readonly lookup: Lookup;
}

type Attempt = Pick<JoinOutcome, "members" | "error" | "isRefused">;

/** Turns addresses into endpoints, and joins them, a few at a time. */
export class Joiner {
  readonly #options: JoinerOptions;
  readonly #waiting = new Map<number, (attempt: Attempt) => void>();
  #requests = 0;
  #stopped: string | undefined;

  constructor(options: JoinerOptions) {
    this.#options = options;
  }

  /** Joins all endpoints of all addresses. Never rejects. */
  async join(addresses: readonly string[], signal: AbortSignal): Promise<readonly JoinOutcome[]> {
    return await this.joinResolved(await this.resolve(addresses), signal);
  }

  /** Never rejects. */
  async resolve(addresses: readonly string[]): Promise<readonly ResolvedAddress[]> {
    return await inLanes(addresses, limits.gossipJoinsMax, (address) => this.#resolveOne(address));
  }

  /** Joins each endpoint once; an address is joined if one of its endpoints is. Never rejects. */
  async joinResolved(
    resolved: readonly ResolvedAddress[],
    signal: AbortSignal,
  ): Promise<readonly JoinOutcome[]> {
    const all = resolved.flatMap(({ endpoints }) => endpoints);
    const unique = new Map(all.map((endpoint) => [formatEndpoint(endpoint), endpoint]));
    const entries = [...unique].slice(0, limits.gossipSeedsMax);
    const attempts = new Map(
      await inLanes(entries, limits.gossipJoinsMax, async ([text, endpoint]): Promise<[string, Attempt]> => [
        text,
        await this.#attempt(endpoint, signal),
      ]),
    );
    return resolved.map(({ address, endpoints, error }) => {
      const own = endpoints.map((endpoint) => attempts.get(formatEndpoint(endpoint)) ?? leftOut);
      return error === undefined ? { address, ...bestOf(own) } : { address, members: 0, error };
    });
  }

  /** Takes the end of a join that was asked for. */
  ended({ request, members, error, isRefused }: Extract<Effect, { kind: "join-ended" }>): void {
    this.#waiting.get(request)?.({ members, error, ...(isRefused === true ? { isRefused } : {}) });
  }

  /** Ends all joins, which fail for the reason `why`, as do those that are asked for later. */
  stop(why: string): void {
    this.#stopped = why;
    for (const end of this.#waiting.values()) end({ members: 0, error: why });
  }

  async #resolveOne(address: string): Promise<ResolvedAddress> {
    try {
      const found = await resolveEndpoints(requirePeerAddress(address), this.#options.lookup);
      const endpoints = found.filter((endpoint) => !this.#options.isOwn(endpoint));
      const error = endpoints.length > 0 ? undefined : ownAddress;
      return { address, endpoints, error };
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      return { address, endpoints: [], error: error.message };
    }
  }

  #attempt(to: Endpoint, signal: AbortSignal): Promise<Attempt> {
    const why = this.#stopped ?? (signal.aborted ? cancelled : undefined);
    if (why !== undefined) return Promise.resolve({ members: 0, error: why });
    this.#requests += 1;
    const request = this.#requests;
    return new Promise((resolve) => {
      const end = (attempt: Attempt): void => {
        this.#waiting.delete(request);
        signal.removeEventListener("abort", cancel);
        resolve(attempt);
      };
      const cancel = (): void => end({ members: 0, error: cancelled });
      this.#waiting.set(request, end);
      signal.addEventListener("abort", cancel);
      try {
        this.#options.join(to, request);
      } catch (error) {
        end({ members: 0, error: asError(error).message });
      }
    });
  }
}

const cancelled = "it was cancelled";
const leftOut: Attempt = { members: 0, error: `more than ${limits.gossipSeedsMax} addresses at once` };

/** Returns the attempt that learned of the most members. */
function bestOf(attempts: readonly Attempt[]): Attempt {
  const [first = leftOut, ...others] = attempts;
  return others.reduce((best, other) => {
    if (other.error !== undefined) return other.isRefused === true && best.error !== undefined ? other : best;
    return best.error !== undefined || other.members > best.members ? other : best;
  }, first);
}
