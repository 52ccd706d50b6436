import { Code, ConnectError } from "@connectrpc/connect";

/** How a server goes. Both signals fire with a ConnectError for those whom they end. */
export interface Shutdown {
  /** Fires first: streams without an end of their own come to one, everything else may go on. */
  readonly draining: AbortSignal;
  /** Fires when the time is up: ends whatever is left. */
  readonly over: AbortSignal;
}

/** Returns what calls are ended with that the server cannot wait for. */
export function shuttingDown(): ConnectError {
  return new ConnectError("the server is closing the connection; connect again", Code.Unavailable);
}
