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

/**
 * Returns a host as browsers and clients write it: lower case, IPv4 as four numbers, IPv6 shortened
 * and in brackets. Undefined if it is not a host.
 */
export function canonicalHost(host: string): string | undefined {
  if (!/^(\[[0-9a-f:.]+\]|[^\s:/@?#%\\[\]]+)$/i.test(host)) return undefined;
  return URL.parse(`http://${host}/`)?.hostname;
}
