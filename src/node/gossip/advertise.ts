import type { NetworkInterfaceInfo } from "node:os";
import { LedgerError } from "../../core/errors.ts";
import { type Endpoint, sameEndpoint } from "../../swim/endpoint.ts";
import { formatEndpoint } from "./endpoint-text.ts";
import { isLoopback, isWildcard, parseIp } from "./ip-address.ts";

/** The networks of a machine by name, as `os.networkInterfaces()` tells them. */
export type NetworkInterfaces = Readonly<
  Record<string, readonly Pick<NetworkInterfaceInfo, "address">[] | undefined>
>;

export interface AdvertiseOptions {
  /** What the operator wants others to be told; port 0 stands for the port that is bound. */
  readonly given: Endpoint | undefined;
  readonly bound: Endpoint;
  readonly interfaces: NetworkInterfaces;
}

/**
 * Returns where others are told to reach this node: where the operator says, else where it listens, else, if it listens
 * everywhere, its first private address, as [memberlist](https://github.com/hashicorp/memberlist/blob/master/config.go)
 * does. Throws LedgerError if there is none.
 */
export function advertisedEndpoint({ given, bound, interfaces }: AdvertiseOptions): Endpoint {
  if (given !== undefined) {
    if (isWildcard(given.address)) throw unreachable(given);
    return given.port === 0 ? { ...given, port: bound.port } : given;
  }
  if (!isWildcard(bound.address)) return bound;
  const address = firstPrivate(interfaces, bound.address.length === 16);
  if (address === undefined) throw noneFound(bound);
  return { address, port: bound.port };
}

/** Tells if `endpoint` is where this node listens, also if it listens everywhere. */
export function reachesBound(
  endpoint: Endpoint,
  { bound, interfaces }: Pick<AdvertiseOptions, "bound" | "interfaces">,
): boolean {
  if (endpoint.port !== bound.port) return false;
  if (!isWildcard(bound.address)) return sameEndpoint(endpoint, bound);
  const isHere = (address: Uint8Array): boolean => sameEndpoint({ ...bound, address }, endpoint);
  return isLoopback(endpoint.address) || addressesOf(interfaces).some(isHere);
}

/** IPv4 before IPv6, as every member can reach the former. */
function firstPrivate(interfaces: NetworkInterfaces, mayBeIpv6: boolean): Uint8Array | undefined {
  const found = addressesOf(interfaces).filter((address) => !isLoopback(address) && isPrivate(address));
  const ipv4 = found.find(({ length }) => length === 4);
  return ipv4 ?? (mayBeIpv6 ? found[0] : undefined);
}

function addressesOf(interfaces: NetworkInterfaces): readonly Uint8Array[] {
  return Object.values(interfaces).flatMap((list) =>
    (list ?? []).flatMap(({ address }) => parseIp(address) ?? []),
  );
}

/** [RFC 1918](https://www.rfc-editor.org/rfc/rfc1918), [RFC 6598](https://www.rfc-editor.org/rfc/rfc6598), [RFC 4193](https://www.rfc-editor.org/rfc/rfc4193) */
function isPrivate(address: Uint8Array): boolean {
  const [first = 0, second = 0] = address;
  if (address.length === 16) return (first & 0xfe) === 0xfc;
  if (first === 172) return second >= 16 && second < 32;
  if (first === 100) return second >= 64 && second < 128;
  return first === 10 || (first === 192 && second === 168);
}

function unreachable(given: Endpoint): LedgerError {
  const value = formatEndpoint(given);
  return new LedgerError("INVALID_ARGUMENT", `Cannot tell others --gossip-advertise ${value}`, {
    reason: "GOSSIP_ADVERTISE_INVALID",
    value,
    remedy: "write an address at which the other nodes reach this one",
  });
}

function noneFound(bound: Endpoint): LedgerError {
  const value = formatEndpoint(bound);
  const text = `Cannot choose an address to tell others: --gossip ${value} is every address of this machine, none of which is private`;
  return new LedgerError("FAILED_PRECONDITION", text, {
    reason: "GOSSIP_ADVERTISE_MISSING",
    value,
    remedy: "say with --gossip-advertise where the other nodes reach this one",
  });
}
