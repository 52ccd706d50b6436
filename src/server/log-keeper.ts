import { asError } from "../core/as-error.ts";
import { LedgerError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Clock } from "../ledger/ports.ts";
import type { RunningChild } from "../supervisor/spec.ts";

export interface LogKeeperParts {
  /** Brings the log of logs up to date. */
  readonly update: () => Promise<void>;
  readonly clock: Pick<Clock, "after">;
  readonly intervalMs: number;
  readonly log: Log;
}

/** Brings the log of logs up to date at intervals until it is stopped. */
export function startLogKeeper({ update, clock, intervalMs, log }: LogKeeperParts): RunningChild {
  let isStopped = false;
  let crash: (error: Error) => void;
  const crashed = new Promise<Error>((resolve) => (crash = resolve));
  let working = Promise.resolve();
  let cancel = arm();
  return {
    crashed,
    async stop() {
      isStopped = true;
      cancel();
      await working;
    },
  };

  function arm(): () => void {
    return clock.after(intervalMs, () => {
      working = work();
    });
  }

  async function work(): Promise<void> {
    try {
      await update();
    } catch (error) {
      if (!(error instanceof LedgerError)) return crash(asError(error));
      log.warn("the log of logs is not up to date; the next attempt follows", { error });
    }
    if (!isStopped) cancel = arm();
  }
}
