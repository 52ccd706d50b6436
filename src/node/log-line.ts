import type { LogFields, LogLevel } from "../core/log.ts";
import { limits } from "../core/limits.ts";

export interface LogLine {
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Returns one JSON object: time, level, message, then the fields, which cannot replace the first three. */
export function jsonLine(line: LogLine, options: { readonly withStack: boolean }): string {
  const { timeMs, level, message, fields } = line;
  const head = { time: rfc3339(timeMs), level, message: cut(message) };
  return `${JSON.stringify({ ...head, ...plainFields(fields, options.withStack), ...head })}\n`;
}

/** Returns a line for people: `TIME LEVEL MESSAGE name=value ...`, stacks on lines of their own. */
export function textLine(
  line: LogLine,
  options: { readonly withStack: boolean; readonly colour: boolean },
): string {
  const { timeMs, level, message, fields } = line;
  const paint = (code: number, text: string) => (options.colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const parts = [
    paint(dim, rfc3339(timeMs)),
    paint(levelColour[level], level.padEnd(5)),
    visible(cut(message)),
  ];
  let stacks = "";
  for (const [name, value] of Object.entries(plainFields(fields, options.withStack))) {
    parts.push(`${paint(dim, `${visible(name)}=`)}${textValue(value)}`);
    if (isPlainError(value) && value.stack !== undefined) stacks += `\n${visible(value.stack, "\n")}`;
  }
  return `${parts.join(" ")}${stacks}\n`;
}

const dim = 2;
const levelColour = { debug: 2, info: 32, warn: 33, error: 31 } as const;

type Plain = string | number | boolean | null | readonly Plain[] | { readonly [name: string]: Plain };

interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

function rfc3339(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function plainFields(fields: LogFields, withStack: boolean): Record<string, Plain> {
  const plain: Record<string, Plain> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) plain[name] = toPlain(value, withStack, limits.logDepthMax);
  }
  return plain;
}

/** Returns what JSON can hold of `value`; neither cycles nor throwing getters get through. */
function toPlain(value: unknown, withStack: boolean, depth: number): Plain {
  if (typeof value === "string") return cut(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean") return value;
  if (typeof value === "function") return `<function ${cut(value.name)}>`;
  if (typeof value === "bigint" || typeof value === "symbol") return cut(String(value));
  if (typeof value !== "object" || value === null) return null;
  if (depth === 0) return "…";
  try {
    if (value instanceof Error) return plainError(value, withStack, depth - 1);
    if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
    if (value instanceof Date) return value.toISOString();
    if (Array.isArray(value))
      return value.slice(0, limits.logListMax).map((item) => toPlain(item, withStack, depth - 1));
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      entries.slice(0, limits.logListMax).map(([name, item]) => [name, toPlain(item, withStack, depth - 1)]),
    );
  } catch {
    return "<unreadable>";
  }
}

function plainError(error: Error, withStack: boolean, depth: number): Plain {
  const { code } = error as { code?: unknown };
  return {
    name: cut(error.name),
    message: cut(error.message),
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: toPlain(error.cause, withStack, depth) }),
    ...(withStack && typeof error.stack === "string" ? { stack: cut(error.stack) } : {}),
  };
}

function isPlainError(value: Plain): value is Plain & PlainError {
  return typeof value === "object" && value !== null && "name" in value && "message" in value;
}

function textValue(value: Plain): string {
  if (typeof value === "string") return /^[\w./:@+-]+$/.test(value) ? value : visible(JSON.stringify(value));
  if (isPlainError(value)) return visible(JSON.stringify(`${value.name}: ${value.message}`));
  return visible(JSON.stringify(value));
}

function cut(text: string): string {
  return text.length <= limits.logTextMax ? text : `${text.slice(0, limits.logTextMax)}…`;
}

/** Writes control characters and line separators as escapes, so that no value can steer a terminal. */
function visible(text: string, allowed = ""): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (unit) =>
    unit === allowed ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
