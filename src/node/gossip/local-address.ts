import type { Endpoint } from "../../swim/endpoint.ts";
import { formatIp, isWildcard } from "./ip-address.ts";

/** Returns the address to connect from: others see a node that listens on one address come from there. */
export function localAddressFor(to: Endpoint, local: Endpoint): string | undefined {
  const isOne = !isWildcard(local.address) && local.address.length === to.address.length;
  return isOne ? formatIp(local.address) : undefined;
}
