import type { Endpoint } from "../../swim/endpoint.ts";
import { formatIp, parseIp } from "./ip-address.ts";

/** Returns `HOST:PORT`, an IPv6 address in brackets. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.length === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
}

/** Returns the endpoint of an address that the system tells as text; undefined if it is no IP address. */
export function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  if (address === undefined || port === undefined) return undefined;
  const bytes = parseIp(address);
  return bytes === undefined ? undefined : { address: bytes, port };
}
