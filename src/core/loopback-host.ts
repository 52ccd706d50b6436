const ipv4Loopback = /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;

/**
 * Tells if a host name or address, in brackets or not, without a port, reaches this machine only.
 * Names other than `localhost` are not looked up and never count: who answers for a name may answer
 * differently the next time.
 */
export function isLoopbackHost(host: string): boolean {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const name = bare.toLowerCase();
  // ::ffff:7f00:1 is how URL writes ::ffff:127.0.0.1.
  return (
    name === "localhost" || name === "::1" || ipv4Loopback.test(name) || /^::ffff:7f[0-9a-f]{2}:/.test(name)
  );
}
