import { ConnectError } from "@connectrpc/connect";

/**
 * Throws why a call's signal has fired if the client is to be told: its deadline, or a shutdown. Does nothing if the
 * signal has not fired, or only says that the call is over.
 */
export function throwReason(signal: AbortSignal): void {
  if (signal.reason instanceof ConnectError) throw signal.reason;
}
