/**
 * Every check of what a client may append or name, in one place; the bounds are in `limits.ts`.
 *
 * @module
 */

import type { Metadata } from "./entry.ts";
import { sortMetadata } from "./entry.ts";
import { LedgerError, quote } from "./errors.ts";
import { limits } from "./limits.ts";
import { utf8Length } from "./utf8.ts";

/** What a client asks to append. */
export interface AppendInput {
  readonly key: string;
  readonly payload: Uint8Array;
  /** In any order; of pairs with one name the last counts. */
  readonly metadata: Iterable<readonly [string, string]>;
  /** 0 means none. */
  readonly receivedLamport: bigint;
  /** Empty means none. */
  readonly idempotencyKey: string;
}

/** An {@link AppendInput} that passed every check which does not need the context. */
export interface CheckedInput extends Omit<AppendInput, "metadata"> {
  readonly metadata: Metadata;
  /** Payload, key, metadata names and values. */
  readonly bytes: number;
  /** Of an entry that has one already. */
  readonly id?: string;
}

const noneChecked = { metadata: [] as Metadata, bytes: 0 };

/** Throws INVALID_ARGUMENT unless `id` can name a context. */
export function checkContextId(id: string): void {
  checkName("context_id", id, limits.contextIdBytesMax);
  if (id !== "." && id !== "..") return;
  throw new LedgerError("INVALID_ARGUMENT", `context_id ${quote(id)} is reserved`, {
    reason: "CONTEXT_ID_RESERVED",
    field: "context_id",
    value: id,
    remedy: "choose another name",
  });
}

/** Returns the input with sorted metadata. Throws INVALID_ARGUMENT or RESOURCE_EXHAUSTED naming the field. */
export function checkAppend(input: AppendInput): CheckedInput {
  const { key, payload, receivedLamport, idempotencyKey } = input;
  const keyBytes = checkName("key", key, limits.keyBytesMax);
  if (payload.length > limits.payloadBytesMax) throw payloadTooLarge(payload.length);
  if (receivedLamport < 0n || receivedLamport > limits.lamportMax) {
    throw new LedgerError(
      "INVALID_ARGUMENT",
      `received_lamport ${receivedLamport} is not between 0 and 2^62`,
      {
        reason: "RECEIVED_LAMPORT_OUT_OF_RANGE",
        field: "received_lamport",
        value: receivedLamport,
        limit: limits.lamportMax,
        remedy: "send the Lamport time of an entry you received",
      },
    );
  }
  if (idempotencyKey !== "") {
    const idempotencyKeyBytes = checkText("idempotency_key", idempotencyKey);
    checkSize("idempotency_key", idempotencyKeyBytes, limits.idempotencyKeyBytesMax);
  }
  const { metadata, bytes } = checkMetadata(input.metadata);
  return {
    key,
    payload,
    metadata,
    receivedLamport,
    idempotencyKey,
    bytes: payload.length + keyBytes + bytes,
  };
}

/** Throws INVALID_ARGUMENT or RESOURCE_EXHAUSTED unless the inputs fit one batch. */
export function checkBatch(inputs: readonly CheckedInput[]): void {
  if (inputs.length === 0) {
    throw new LedgerError("INVALID_ARGUMENT", "entries is empty", {
      reason: "BATCH_EMPTY",
      field: "entries",
      value: 0,
      limit: limits.batchEntriesMax,
      remedy: "send at least one entry",
    });
  }
  if (inputs.length > limits.batchEntriesMax) throw batchTooLong(inputs.length);
  let bytes = 0;
  for (const input of inputs) bytes += input.bytes;
  if (bytes > limits.batchBytesMax)
    throw batchTooLarge(`holds ${bytes} bytes of payloads, keys and metadata`, bytes, limits.batchBytesMax);
}

/** Throws INVALID_ARGUMENT if no entry can have this key; empty is no filter. */
export function checkKeyFilter(key: string): void {
  if (key !== "") checkSize("key", checkText("key", key), limits.keyBytesMax);
}

/** Throws INVALID_ARGUMENT if `text` has lone surrogates; returns its size in UTF-8. */
export function checkText(field: string, text: string): number {
  if (!text.isWellFormed()) {
    throw new LedgerError("INVALID_ARGUMENT", `${field} is not valid Unicode: it has a lone surrogate`, {
      reason: "INVALID_UTF8",
      field,
      remedy: "send text that can be written as UTF-8",
    });
  }
  return utf8Length(text);
}

function checkName(field: "context_id" | "key", text: string, bytesMax: number): number {
  if (text === "") {
    throw new LedgerError("INVALID_ARGUMENT", `${field} is missing`, {
      reason: `${field.toUpperCase()}_MISSING`,
      field,
      value: "",
      limit: bytesMax,
      remedy: `set ${field} to 1 to ${bytesMax} bytes of text`,
    });
  }
  const bytes = checkText(field, text);
  checkSize(field, bytes, bytesMax);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x20 && (unit < 0x7f || unit > 0x9f)) continue;
    throw new LedgerError(
      "INVALID_ARGUMENT",
      `${field} has a control character, U+${unit.toString(16).padStart(4, "0").toUpperCase()}, at character ${i + 1}`,
      {
        reason: `${field.toUpperCase()}_CONTROL_CHARACTER`,
        field,
        value: `U+${unit.toString(16).padStart(4, "0").toUpperCase()}`,
        remedy: "remove U+0000 to U+001F and U+007F to U+009F",
      },
    );
  }
  return bytes;
}

function checkMetadata(pairs: Iterable<readonly [string, string]>): { metadata: Metadata; bytes: number } {
  if (Array.isArray(pairs) && pairs.length === 0) return noneChecked;
  const byName = new Map<string, string>(pairs);
  if (byName.size === 0) return noneChecked;
  if (byName.size > limits.metadataPairsMax) throw tooManyPairs(byName.size);
  let bytes = 0;
  for (const [name, value] of byName) {
    if (name.startsWith("converge-ledger/")) {
      throw new LedgerError(
        "INVALID_ARGUMENT",
        `metadata name ${quote(name)} begins with "converge-ledger/", which is reserved`,
        {
          reason: "METADATA_NAME_RESERVED",
          field: "metadata",
          value: name.slice(0, 128),
          remedy: "choose another name",
        },
      );
    }
    bytes += checkText("metadata", name) + checkText("metadata", value);
  }
  checkSize("metadata", bytes, limits.metadataBytesMax);
  return { metadata: sortMetadata(byName), bytes };
}

function checkSize(field: string, bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new LedgerError("INVALID_ARGUMENT", `${field} is ${bytes} bytes, more than ${bytesMax}`, {
    reason: `${field.toUpperCase()}_TOO_LONG`,
    field,
    value: bytes,
    limit: bytesMax,
    remedy: "shorten it, or put the data into the payload",
  });
}

/** Returns the refusal of a payload with too many bytes. */
export function payloadTooLarge(bytes: number | string): LedgerError {
  return new LedgerError(
    "RESOURCE_EXHAUSTED",
    `Payload exceeds maximum allowed size: ${bytes} bytes, more than ${limits.payloadBytesMax}`,
    {
      reason: "PAYLOAD_TOO_LARGE",
      field: "payload",
      value: bytes,
      limit: limits.payloadBytesMax,
      remedy: "store the content elsewhere and append its address and hash, or split it",
    },
  );
}

/** Returns the refusal of a batch with too many entries. */
export function batchTooLong(entries: number | string): LedgerError {
  return batchTooLarge(`has ${entries} entries`, entries, limits.batchEntriesMax);
}

/** Returns the refusal of metadata with too many pairs. */
export function tooManyPairs(pairs: number | string): LedgerError {
  return new LedgerError(
    "INVALID_ARGUMENT",
    `metadata has ${pairs} pairs, more than ${limits.metadataPairsMax}`,
    {
      reason: "METADATA_TOO_MANY_PAIRS",
      field: "metadata",
      value: pairs,
      limit: limits.metadataPairsMax,
      remedy: "put the data into the payload",
    },
  );
}

function batchTooLarge(what: string, value: number | string, limit: number): LedgerError {
  return new LedgerError("RESOURCE_EXHAUSTED", `the batch ${what}, more than ${limit}`, {
    reason: "BATCH_TOO_LARGE",
    field: "entries",
    value,
    limit,
    remedy: "send several batches",
  });
}
