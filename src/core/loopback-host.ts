const byte = String.raw`(?:25[0-5]|2[0-4]\d|1?\d?\d)`;
const ipv4Loopback = new RegExp(String.raw`^(?:::ffff:)?127\.${byte}\.${byte}\.${byte}$`);
/** How URL writes ::ffff:127.0.0.1. */
const mappedLoopback = /^::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}$/;

/**
 * Tells if a host name or address, in brackets or not, without a port, reaches this machine only.
 * Names other than `localhost` are not looked up and never count: who answers for a name may answer
 * differently the next time.
 */
export function isLoopbackHost(host: string): boolean {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const name = bare.toLowerCase();
  return name === "localhost" || name === "::1" || ipv4Loopback.test(name) || mappedLoopback.test(name);
}
