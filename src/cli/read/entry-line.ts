import type { NewEntry } from "../../client/ledger-client.ts";
import { encodeUtf8 } from "../../core/utf8.ts";

/**
 * Returns the entry that a line of `append --json-lines` describes. Throws an Error that says what is
 * wrong with it.
 *
 * A line is one JSON object. The payload is one of `text` (a string, stored as UTF-8), `json` (any value,
 * stored as compact JSON text) and `payload` (base64); none of them means an empty payload. `key`,
 * `metadata`, `idempotencyKey` and `receivedLamport` are optional. The fields that only a ledger gives,
 * and `get --json` prints, are accepted and ignored, so that its lines can be appended elsewhere.
 */
export function parseEntryLine(line: string, defaultKey: string | undefined): NewEntry {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("not a JSON object");
  const fields = new Map<string, unknown>(Object.entries(value));
  for (const name of fields.keys()) {
    if (!known.has(name))
      throw new Error(`unknown field ${JSON.stringify(name)}; known are ${[...known].join(", ")}`);
  }
  const key = optionalString(fields, "key") ?? defaultKey;
  if (key === undefined) throw new Error('no "key", and no KEY argument');
  return {
    key,
    payload: payloadOf(fields),
    metadata: metadataOf(fields),
    idempotencyKey: optionalString(fields, "idempotencyKey") ?? "",
    receivedLamport: receivedLamportOf(fields),
  };
}

const payloadFields = ["text", "json", "payload"] as const;
const given = ["key", ...payloadFields, "metadata", "idempotencyKey", "receivedLamport"];
const ignored = ["id", "sequence", "appendedAtNs", "lamport", "contentHash"];
const known = new Set([...given, ...ignored]);

function payloadOf(fields: ReadonlyMap<string, unknown>): Uint8Array {
  const [field, second] = payloadFields.filter((name) => fields.has(name));
  if (second !== undefined) throw new Error(`both ${JSON.stringify(field)} and ${JSON.stringify(second)}`);
  if (field === "json") return encodeUtf8(JSON.stringify(fields.get("json")));
  if (field === "text") return encodeUtf8(optionalString(fields, "text") ?? "");
  return base64Of(optionalString(fields, "payload") ?? "");
}

function base64Of(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw new Error('"payload" is not base64; use "text" for text');
  }
}

function metadataOf(fields: ReadonlyMap<string, unknown>): Record<string, string> {
  const value = fields.get("metadata") ?? {};
  if (typeof value !== "object" || Array.isArray(value)) throw new Error('"metadata" is not an object');
  const pairs = Object.entries(value).map(([name, text]) => {
    if (typeof text !== "string") throw new Error(`metadata ${JSON.stringify(name)} is not a string`);
    return [wellFormed("metadata", name), wellFormed("metadata", text)] as const;
  });
  return Object.fromEntries(pairs);
}

function receivedLamportOf(fields: ReadonlyMap<string, unknown>): bigint {
  const value = fields.get("receivedLamport") ?? 0;
  if (typeof value === "string" && /^\d{1,19}$/.test(value)) return BigInt(value);
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new Error('"receivedLamport" is not a whole number');
}

function optionalString(fields: ReadonlyMap<string, unknown>, name: string): string | undefined {
  const value = fields.get(name);
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw new Error(`${JSON.stringify(name)} is not a string`);
  return wellFormed(name, value);
}

/** JSON can escape half a character, which UTF-8 cannot hold. */
function wellFormed(name: string, text: string): string {
  if (!text.isWellFormed()) throw new Error(`${JSON.stringify(name)} holds a lone surrogate`);
  return text;
}
