import { CommanderError } from "commander";
import { ConfigError } from "../config.ts";
import type { Failure } from "../client/failure.ts";
import { LedgerError } from "../core/errors.ts";
import { ClosedPipeError } from "./cli-io.ts";
import { DamagedError } from "./damaged-error.ts";
import { Ended } from "./ended.ts";
import { escapeText } from "./render/escape.ts";
import { isCallError } from "./session.ts";
import { UnreachableError } from "./unreachable-error.ts";
import { UsageError } from "./usage-error.ts";

/** How a command ends that threw. */
export interface FailureReport {
  readonly exitCode: number;
  /** For standard error; empty if there is nothing to say. */
  readonly text: string;
}

/** The part of {@link Failure} that `--json` promises. */
type ReportedError = Pick<Failure, "code" | "reason" | "message"> &
  Partial<Pick<Failure, "field" | "value" | "limit" | "remedy" | "sequence">>;

/** Returns the exit code and the message for anything a command can throw. */
export async function reportFailure(error: unknown, json: boolean): Promise<FailureReport> {
  if (error instanceof Ended) return { exitCode: error.exitCode, text: "" };
  if (error instanceof ClosedPipeError) return { exitCode: 0, text: "" };
  if (error instanceof CommanderError) return reportCommander(error, json);
  if (error instanceof UsageError) {
    return {
      exitCode: 2,
      text: textOf({ code: "INVALID_ARGUMENT", reason: "USAGE", message: error.message }, json),
    };
  }
  if (error instanceof ConfigError) return { exitCode: 2, text: textOf(describeConfig(error), json) };
  return { exitCode: 1, text: textOf(await describe(error), json) };
}

/** Commander has printed its text already, unless JSON is wanted. */
function reportCommander(error: CommanderError, json: boolean): FailureReport {
  if (error.exitCode === 0) return { exitCode: 0, text: "" };
  const message = error.message.replace(/^error: /, "");
  return {
    exitCode: 2,
    text: json ? textOf({ code: "INVALID_ARGUMENT", reason: "USAGE", message }, json) : "",
  };
}

/** Names the first setting at fault; the message is about all of them. */
function describeConfig({ message, problems }: ConfigError): ReportedError {
  const { field, value, remedy } = problems[0] ?? {};
  return {
    code: "INVALID_ARGUMENT",
    reason: "CONFIG",
    message,
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

async function describe(error: unknown): Promise<ReportedError> {
  if (error instanceof UnreachableError) {
    return { code: "UNAVAILABLE", reason: "UNREACHABLE", message: error.message, value: error.url };
  }
  if (isCallError(error)) {
    const { readFailure } = await import("../client/failure.ts");
    const { retryAfterMs: _, transient: __, ...reported } = readFailure(error);
    return reported;
  }
  if (error instanceof LedgerError) return describeRefusal(error);
  if (error instanceof DamagedError)
    return { code: "DATA_LOSS", reason: "DAMAGED", message: error.message, value: String(error.damaged) };
  if (!(error instanceof Error)) return { code: "INTERNAL", reason: "UNEXPECTED", message: String(error) };
  const reason = systemCode(error) ?? "FAILED";
  return { code: "FAILED_PRECONDITION", reason, message: error.message };
}

/** What the command line refuses by itself reads as if the server had refused it. */
function describeRefusal({ code, message, facts }: LedgerError): ReportedError {
  const { reason, field, value, limit, remedy } = facts;
  return {
    code,
    reason,
    message,
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value: String(value) }),
    ...(limit === undefined ? {} : { limit: String(limit) }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** Returns the name of the system's error that an error is or comes from, such as ENOENT. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return "code" in error && typeof error.code === "string" ? error.code : systemCode(error.cause);
}

function textOf(error: ReportedError, json: boolean): string {
  if (json) return `${JSON.stringify({ error })}\n`;
  return error.message
    .split("\n")
    .map((line) => `error: ${escapeText(line)}\n`)
    .join("");
}
