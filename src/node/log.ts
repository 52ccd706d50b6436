import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import type { Log, LogLevel } from "../core/log.ts";
import { jsonLine, textLine } from "./log-line.ts";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Colours, in text lines only. */
  readonly colour: boolean;
  /** Takes one line with its line feed. What it throws is dropped. */
  readonly write: (line: string) => void;
}

const category = "converge-ledger";
const logtapeLevels = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;
const order = { debug: 0, info: 1, warn: 2, error: 3 } as const;

/** Returns the process's log. LogTape keeps one configuration a process: a later call replaces it for all logs. */
export function createLog({ level, format, colour, write }: LogOptions): Log {
  const withStack = level === "debug";
  const sink = (record: LogRecord): void => {
    const line = {
      timeMs: record.timestamp,
      level: record.level === "warning" ? ("warn" as const) : (record.level as LogLevel),
      message: String(record.rawMessage),
      fields: record.properties,
    };
    write(format === "json" ? jsonLine(line, { withStack }) : textLine(line, { withStack, colour }));
  };
  configureSync({
    reset: true,
    sinks: { sink },
    loggers: [
      { category, sinks: ["sink"], lowestLevel: logtapeLevels[level] },
      // LogTape tells this one of sinks that throw; there is nowhere left to write it.
      { category: ["logtape", "meta"], sinks: [], lowestLevel: null },
    ],
  });
  return wrap(getLogger(category), level);
}

/** Returns how lines look where the operator did not say: text for people, JSON for programs. */
export function logStyle(options: {
  readonly format: "auto" | "text" | "json";
  readonly isTerminal: boolean;
  /** The NO_COLOR variable: any text but the empty one turns colours off. https://no-color.org */
  readonly noColor: string | undefined;
}): { readonly format: "text" | "json"; readonly colour: boolean } {
  const { isTerminal, noColor = "" } = options;
  const format = options.format === "auto" ? (isTerminal ? "text" : "json") : options.format;
  return { format, colour: format === "text" && isTerminal && noColor === "" };
}

function wrap(logger: Logger, lowest: LogLevel): Log {
  return {
    debug: (message, fields) => logger.debug(message, { ...fields }),
    info: (message, fields) => logger.info(message, { ...fields }),
    warn: (message, fields) => logger.warn(message, { ...fields }),
    error: (message, fields) => logger.error(message, { ...fields }),
    child: (bindings) => wrap(logger.with({ ...bindings }), lowest),
    isEnabled: (level) => order[level] >= order[lowest],
  };
}
