export type LogLevel = "debug" | "info" | "warn" | "error";

/** Data of one line. An Error becomes its name and message, a bigint its digits, bytes their count. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured log lines. Logging never throws and never waits.
 *
 * `message` is a constant sentence, so that lines can be counted and searched by it; what varies goes
 * into `fields`. At info and above neither holds payloads, keys, metadata, or anything else a client
 * chooses, context ids included: logs travel further than the data. Damage is the exception, because
 * whoever mends it must know where. At debug context ids are allowed, payloads are not.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Returns a log that adds `bindings` to every line. */
  child(bindings: LogFields): Log;
  /** Tells if lines of `level` are written, for fields that are dear to make. */
  isEnabled(level: LogLevel): boolean;
}
