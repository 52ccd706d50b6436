import { canonicalHost } from "../core/canonical-host.ts";

/** Where to listen. */
export interface HostPort {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** Reads `HOST:PORT`, an IPv6 host in brackets. Returns undefined if `text` is anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:/@?#%\\[\]]+):(\d{1,5})$/i.exec(text);
  const [, host, digits] = match ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65_535) return undefined;
  const hostname = canonicalHost(host);
  return hostname === undefined ? undefined : { host: hostname.replace(/^\[|\]$/g, ""), port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
