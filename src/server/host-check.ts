import { isLoopbackHost } from "../core/loopback-host.ts";

/**
 * Returns whether a listener answers under a Host (or :authority) value. One that listens on loopback answers
 * only under loopback names and those in `allowed`, in lower case: a web page can make its own name point to
 * 127.0.0.1 (DNS rebinding), and must not reach the ledger that way.
 */
export function hostCheck(
  listensOn: string,
  allowed: readonly string[],
): (host: string | undefined) => boolean {
  if (!isLoopbackHost(listensOn)) return () => true;
  const names = new Set(allowed);
  let lastAllowed: string | undefined;
  return (host) => {
    if (host === undefined) return false;
    if (host === lastAllowed) return true;
    const name = host.toLowerCase().replace(/:\d*$/, "");
    const isAllowed = isLoopbackHost(name) || names.has(name);
    if (isAllowed) lastAllowed = host;
    return isAllowed;
  };
}
