import { networkInterfaces } from "node:os";
import { parseIp } from "../../../src/node/gossip/ip-address.ts";
import type { Endpoint } from "../../../src/swim/endpoint.ts";

export function endpoint(host: string, port: number): Endpoint {
  const address = parseIp(host);
  if (address === undefined) throw new Error(`${host} is no address`);
  return { address, port };
}

/** False on machines without IPv6: tests that need it say so by being skipped. */
export const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);
