import type { Endpoint } from "../../../src/swim/endpoint.ts";

const port = 7946;

/** Returns where machine `index` is: in 10.0.0.0/8, or, of IPv6, in fd00::/8. */
export function endpointOf(index: number, isIpv6 = false): Endpoint {
  const address = new Uint8Array(isIpv6 ? 16 : 4);
  address[0] = isIpv6 ? 0xfd : 10;
  address[address.length - 3] = (index >> 16) & 0xff;
  address[address.length - 2] = (index >> 8) & 0xff;
  address[address.length - 1] = index & 0xff;
  return { address, port };
}

/** Returns which machine is at an endpoint; -1 if none can be. */
export function machineAt({ address, port: at }: Endpoint): number {
  const { length } = address;
  if (at !== port || (length === 4 ? address[0] !== 10 : length !== 16 || address[0] !== 0xfd)) return -1;
  return ((address[length - 3] ?? 0) << 16) | ((address[length - 2] ?? 0) << 8) | (address[length - 1] ?? 0);
}
