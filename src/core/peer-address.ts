import { canonicalHost } from "./canonical-host.ts";
import { LedgerError, quote } from "./errors.ts";
import { limits } from "./limits.ts";

/** Where another node may be. */
export interface PeerAddress {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** [memberlist's](https://github.com/hashicorp/memberlist/blob/master/config.go) port. */
export const defaultGossipPort = 7946;

/** What {@link parsePeerAddress} reads, as a phrase for messages. */
export const peerAddressForm = "HOST or HOST:PORT, an IPv6 address with a port in brackets";

/** How to write one, as a phrase for messages. */
export const peerAddressRemedy = "write it like 10.0.0.5, 10.0.0.5:7946, node.example or [fd00::5]:7946";

/** Reads `HOST` or `HOST:PORT`, an IPv6 host with a port in brackets. Returns undefined if `text` is anything else. */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  if (text.length > limits.peerAddressLengthMax) return undefined;
  if (/:.*:/.test(text) && !text.startsWith("[")) return parsePeerAddress(`[${text}]`);
  const [, host = "", digits] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const hostname = canonicalHost(host);
  const port = digits === undefined ? defaultGossipPort : Number(digits);
  if (hostname === undefined || port < 1 || port > 65_535) return undefined;
  const bare = hostname.replace(/^\[|\]$/g, "");
  return bare.includes(":") || isHostName(bare) ? { host: bare, port } : undefined;
}

/** Returns what {@link parsePeerAddress} does, or throws LedgerError JOIN_ADDRESS_INVALID. */
export function requirePeerAddress(text: string): PeerAddress {
  const address = parsePeerAddress(text);
  if (address !== undefined) return address;
  throw new LedgerError("INVALID_ARGUMENT", `Cannot join ${quote(text)}: it is not ${peerAddressForm}`, {
    reason: "JOIN_ADDRESS_INVALID",
    field: "addresses",
    value: text.slice(0, 64),
    limit: limits.peerAddressLengthMax,
    remedy: peerAddressRemedy,
  });
}

/** A name as DNS and hosts files have them, or an IPv4 address. Anything else would only be found out by looking it up. */
function isHostName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  return (
    text.length <= 253 && labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
  );
}
