import { lookup as systemLookup } from "node:dns/promises";
import { asError } from "../../core/as-error.ts";
import { LedgerError, quote } from "../../core/errors.ts";
import type { PeerAddress } from "../../core/peer-address.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import { formatEndpoint } from "./endpoint-text.ts";
import { parseIp } from "./ip-address.ts";

/** Returns the addresses of a name as text. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Asks the system: its hosts file, its resolver. */
export const lookupAddresses: Lookup = async (host) => {
  const found = await systemLookup(host, { all: true });
  return found.map(({ address }) => address);
};

const lookupMsMax = 5000;

/**
 * Returns every endpoint that an address stands for, each once. Rejects with LedgerError JOIN_ADDRESS_UNKNOWN if its name
 * is not known, or its resolver does not answer in 5 s; `ofWhat` says in it where the name comes from.
 */
export async function resolveEndpoints(
  { host, port }: PeerAddress,
  lookup: Lookup = lookupAddresses,
  ofWhat = "",
): Promise<readonly Endpoint[]> {
  const literal = parseIp(host);
  if (literal !== undefined) return [{ address: literal, port }];
  const texts = await bounded(lookup(host)).catch((error: unknown) => {
    throw unknown(host, ofWhat, asError(error).message, error);
  });
  const found = new Map<string, Endpoint>();
  for (const text of texts) {
    const address = parseIp(text);
    if (address !== undefined) found.set(formatEndpoint({ address, port }), { address, port });
  }
  if (found.size === 0) throw unknown(host, ofWhat, "it has no address");
  return [...found.values()];
}

async function bounded<T>(work: Promise<T>): Promise<T> {
  let cut: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    cut = setTimeout(() => reject(new Error(`no answer in ${lookupMsMax} ms`)), lookupMsMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(cut);
  }
}

function unknown(host: string, ofWhat: string, why: string, cause?: unknown): LedgerError {
  const facts = {
    reason: "JOIN_ADDRESS_UNKNOWN",
    value: host,
    remedy: "check the name and the resolver of this machine, or write an IP address",
  };
  const text = `Cannot find the host ${quote(host)}${ofWhat}: ${why}`;
  return new LedgerError("UNAVAILABLE", text, facts, { cause });
}
