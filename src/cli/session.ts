import type { LedgerClient } from "../client/ledger-client.ts";
import type { CliIo } from "./cli-io.ts";
import { Ended, interruptedExitCode } from "./ended.ts";
import { UnreachableError } from "./unreachable-error.ts";
import { type Flags, loadSettings } from "./settings.ts";

/** What every command that talks to a server can be told. */
export interface SessionOptions extends Flags {
  readonly json?: boolean;
}

/** One command's connection to its server and to its terminal. */
export interface Session {
  readonly io: CliIo;
  readonly url: string;
  readonly json: boolean;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
  readonly client: LedgerClient;
}

/** Runs a command's work with a session. Throws {@link UnreachableError} if no server answers. */
export async function withSession(
  io: CliIo,
  options: SessionOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const { url, timeoutMs } = (await loadSettings(io, "client", options)).config;
  // Loaded here, and not at the start, because serve and version need none of it.
  const [{ createLedgerClient }, { readFailure }] = await Promise.all([
    import("../client/ledger-client.ts"),
    import("../client/failure.ts"),
  ]);
  const controller = new AbortController();
  const forget = io.onInterrupt(() => {
    controller.abort(new Ended(interruptedExitCode));
    io.stdin.close();
  });
  const client = createLedgerClient({ url, timeoutMs, attemptsMax: 3 });
  try {
    await work({ io, url, json: options.json ?? false, signal: controller.signal, client });
  } catch (error) {
    controller.signal.throwIfAborted();
    if (!isCallError(error)) throw error;
    const { reason, message } = readFailure(error);
    throw reason === "UNREACHABLE" ? new UnreachableError(url, message, { cause: error }) : error;
  } finally {
    forget();
    io.stdin.close();
  }
}

/** Tells whether a call threw this, without loading what calls are made with. */
export function isCallError(error: unknown): error is Error {
  return error instanceof Error && error.name === "ConnectError";
}
