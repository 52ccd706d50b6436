/**
 * The hot requests, read by hand. Each function returns undefined for a message that uses anything but the
 * common fields in their common form; such a message takes the general path.
 *
 * @module
 */

import { limits } from "../../core/limits.ts";
import type { AppendInput } from "../../core/validate.ts";
import type { GetRequest } from "../../ledger/ledger-api.ts";
import { RequestReader } from "./request-reader.ts";

export interface PlainAppend extends AppendInput {
  readonly contextId: string;
  readonly proof: boolean;
}

export interface PlainBatch {
  readonly contextId: string;
  readonly entries: readonly AppendInput[];
  readonly minCopies: number;
  readonly proof: boolean;
}

export interface PlainWatch {
  readonly contextId: string;
  readonly key: string;
  readonly fromSequence: bigint;
  readonly resumeToken: Uint8Array;
  readonly heartbeatMs: number;
  readonly controlEvents: boolean;
}

const empty = new Uint8Array(0);

/** The fields of an entry while they are read. */
interface EntryFields {
  key: string;
  payload: Uint8Array;
  metadata: [string, string][];
  receivedLamport: bigint;
  idempotencyKey: string;
}

const emptyEntry = { key: "", payload: empty, receivedLamport: 0n, idempotencyKey: "" };

/** Reads a converge.context.v1.AppendRequest without min_copies. */
export function readAppend(bytes: Uint8Array): PlainAppend | undefined {
  const append = { contextId: "", ...emptyEntry, metadata: [], proof: false };
  try {
    const reader = new RequestReader(bytes);
    while (!reader.done) {
      const tag = reader.tag();
      if (tag === 0x0a) append.contextId = reader.text();
      else if (tag === 0x38) append.proof = reader.uint() !== 0;
      // The fields of an entry follow context_id: their numbers are one higher than in NewEntry.
      else if (!readEntryField(append, tag - 8, reader)) return undefined;
    }
  } catch {
    return undefined;
  }
  return append;
}

/** Reads a converge.ledger.v1.AppendBatchRequest or AppendStreamRequest, which have the same fields. */
export function readBatch(bytes: Uint8Array): PlainBatch | undefined {
  let contextId = "";
  let minCopies = 0;
  let proof = false;
  const entries: AppendInput[] = [];
  try {
    const reader = new RequestReader(bytes);
    while (!reader.done) {
      switch (reader.tag()) {
        case 0x0a:
          contextId = reader.text();
          break;
        case 0x12:
          entries.push(readNewEntry(reader.message()));
          if (entries.length > limits.fieldRepeatsMax) return undefined;
          break;
        case 0x18:
          minCopies = uint32(reader);
          break;
        case 0x20:
          proof = reader.uint() !== 0;
          break;
        default:
          return undefined;
      }
    }
  } catch {
    return undefined;
  }
  return { contextId, entries, minCopies, proof };
}

function readNewEntry(reader: RequestReader): AppendInput {
  const entry = { ...emptyEntry, metadata: [] };
  while (!reader.done) {
    if (!readEntryField(entry, reader.tag(), reader)) throw new RangeError("not a plain entry");
  }
  return entry;
}

/** Reads one field of an entry, by its tag in converge.ledger.v1.NewEntry; returns false if there is no such. */
function readEntryField(entry: EntryFields, tag: number, reader: RequestReader): boolean {
  switch (tag) {
    case 0x0a:
      entry.key = reader.text();
      return true;
    case 0x12:
      entry.payload = reader.bytes();
      return true;
    case 0x1a:
      addPair(entry.metadata, reader.message());
      return true;
    case 0x20:
      entry.receivedLamport = reader.uint64();
      return true;
    case 0x2a:
      entry.idempotencyKey = reader.text();
      return true;
    default:
      return false;
  }
}

/** Reads a converge.context.v1.GetRequest. */
export function readGet(bytes: Uint8Array): GetRequest | undefined {
  let contextId = "";
  let key = "";
  let afterSequence = 0n;
  let limit = 0;
  let maxBytes = 0;
  let resumeToken: Uint8Array = empty;
  try {
    const reader = new RequestReader(bytes);
    while (!reader.done) {
      switch (reader.tag()) {
        case 0x0a:
          contextId = reader.text();
          break;
        case 0x12:
          key = reader.text();
          break;
        case 0x18:
          afterSequence = reader.uint64();
          break;
        case 0x20:
          limit = uint32(reader);
          break;
        case 0x28:
          maxBytes = uint32(reader);
          break;
        case 0x3a:
          resumeToken = reader.bytes();
          break;
        default:
          return undefined;
      }
    }
  } catch {
    return undefined;
  }
  return { contextId, key, afterSequence, limit, maxBytes, minSequence: 0n, resumeToken };
}

/** Reads a converge.context.v1.WatchRequest without proofs. */
export function readWatch(bytes: Uint8Array): PlainWatch | undefined {
  let contextId = "";
  let key = "";
  let fromSequence = 0n;
  let resumeToken: Uint8Array = empty;
  let heartbeatMs = 0;
  let controlEvents = false;
  try {
    const reader = new RequestReader(bytes);
    while (!reader.done) {
      switch (reader.tag()) {
        case 0x0a:
          contextId = reader.text();
          break;
        case 0x12:
          key = reader.text();
          break;
        case 0x18:
          fromSequence = reader.uint64();
          break;
        case 0x22:
          resumeToken = reader.bytes();
          break;
        case 0x28:
          heartbeatMs = uint32(reader);
          break;
        case 0x38:
          controlEvents = reader.uint() !== 0;
          break;
        default:
          return undefined;
      }
    }
  } catch {
    return undefined;
  }
  return { contextId, key, fromSequence, resumeToken, heartbeatMs, controlEvents };
}

/** More pairs than any request needs are not plain. */
function addPair(pairs: [string, string][], reader: RequestReader): void {
  if (pairs.length >= limits.fieldRepeatsMax) throw new RangeError("not a plain map");
  pairs.push(readPair(reader));
}

function readPair(reader: RequestReader): [string, string] {
  let name = "";
  let value = "";
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 0x0a) name = reader.text();
    else if (tag === 0x12) value = reader.text();
    else throw new RangeError("not a plain map entry");
  }
  return [name, value];
}

function uint32(reader: RequestReader): number {
  const value = reader.uint();
  if (value > 0xffff_ffff) throw new RangeError("not a plain uint32");
  return value;
}
