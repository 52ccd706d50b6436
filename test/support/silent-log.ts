import type { Log } from "../../src/core/log.ts";

/** Writes nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
  isEnabled: () => false,
};
