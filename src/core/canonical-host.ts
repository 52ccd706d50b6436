/**
 * Returns a host as browsers and clients write it: lower case, IPv4 as four numbers, IPv6 shortened
 * and in brackets. Undefined if it is not a host.
 */
export function canonicalHost(host: string): string | undefined {
  if (!/^(\[[0-9a-f:.]+\]|[^\s:/@?#%\\[\]]+)$/i.test(host)) return undefined;
  return URL.parse(`http://${host}/`)?.hostname;
}
