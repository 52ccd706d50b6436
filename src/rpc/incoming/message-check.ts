/**
 * What is checked of a message before it is turned into objects: a few bytes of wire can stand for an object each, so
 * the number of parts is bounded before anything is made of them.
 *
 * @module
 */

import { type DescField, type DescMessage, fromBinary, fromJsonString } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { decodeUtf8 } from "../../core/utf8.ts";
import { batchTooLong, tooManyPairs } from "../../core/validate.ts";
import { toConnectError } from "../connect-error.ts";
import { RequestReader } from "../fast/request-reader.ts";

/** Throws INVALID_ARGUMENT if the bytes are no such message, or one of too many parts. */
export function checkBinary(message: Uint8Array, desc: DescMessage): void {
  checkParts(message, desc);
  try {
    fromBinary(desc, message);
  } catch (error) {
    throw malformedMessage(desc, error);
  }
}

/** Throws INVALID_ARGUMENT if a message repeats a field more often than any request needs. */
export function checkParts(message: Uint8Array, desc: DescMessage): void {
  const fields = new Map(desc.fields.map((field) => [field.number, field]));
  const counts = new Map<number, number>();
  let reader: RequestReader;
  try {
    reader = new RequestReader(message);
    while (!reader.done) {
      const tag = reader.tag();
      const number = Math.floor(tag / 8);
      const count = (counts.get(number) ?? 0) + 1;
      counts.set(number, count);
      if (count > limits.fieldRepeatsMax) throw tooManyParts(desc, fields.get(number));
      const part = reader.skip(tag % 8);
      const nested = nestedMessage(fields.get(number));
      if (part !== undefined && nested !== undefined) checkParts(part, nested);
    }
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    // Not well formed: whoever parses it says what is wrong.
  }
}

/** Throws INVALID_ARGUMENT if the bytes are no such message in JSON, or one of too many values. */
export function checkJson(text: Uint8Array, desc: DescMessage): void {
  checkJsonValues(text, desc);
  try {
    fromJsonString(desc, decodeUtf8(text), { ignoreUnknownFields: true });
  } catch (error) {
    throw malformedMessage(desc, error);
  }
}

/** Throws INVALID_ARGUMENT if a JSON text has more values than any request needs. */
export function checkJsonValues(text: Uint8Array, desc: DescMessage): void {
  let separators = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const byte = text[i];
    if (inString) {
      if (byte === backslash) i += 1;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === comma || byte === brace || byte === bracket) {
      separators += 1;
      if (separators > limits.jsonValuesMax) throw tooManyParts(desc, undefined);
    }
  }
}

/** Returns what a client is told of a message that cannot be parsed. */
export function malformedMessage(desc: DescMessage, cause: unknown): ConnectError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return toConnectError(
    new LedgerError("INVALID_ARGUMENT", `the message is not a ${desc.typeName}: ${why}`, {
      reason: "MESSAGE_MALFORMED",
      remedy: "check the message against the proto files, and its strings for valid UTF-8",
    }),
  );
}

/** Returns what a client is told of a message that is too long. */
export function messageTooLong(desc: DescMessage, bytesMax: number): ConnectError {
  return toConnectError(
    new LedgerError("RESOURCE_EXHAUSTED", `the ${desc.typeName} is over ${bytesMax} bytes`, {
      reason: "MESSAGE_TOO_LARGE",
      limit: bytesMax,
      remedy: "send less in one message",
    }),
  );
}

const [quote, backslash, comma, brace, bracket] = [0x22, 0x5c, 0x2c, 0x7b, 0x5b];

function nestedMessage(field: DescField | undefined): DescMessage | undefined {
  if (field?.fieldKind === "message") return field.message;
  return field?.fieldKind === "list" && field.listKind === "message" ? field.message : undefined;
}

function tooManyParts(desc: DescMessage, field: DescField | undefined): LedgerError {
  if (field?.name === "entries") return batchTooLong(`over ${limits.fieldRepeatsMax}`);
  if (field?.name === "metadata") return tooManyPairs(`over ${limits.fieldRepeatsMax}`);
  const what = field === undefined ? "parts" : `occurrences of ${field.name}`;
  return new LedgerError("INVALID_ARGUMENT", `the ${desc.typeName} has too many ${what}`, {
    reason: "MESSAGE_TOO_MANY_PARTS",
    ...(field === undefined ? {} : { field: field.name }),
    limit: limits.fieldRepeatsMax,
    remedy: "send several smaller requests",
  });
}
