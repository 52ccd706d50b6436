/**
 * Between the ledger's values and the messages of proto/.
 *
 * @module
 */

import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { contentHashFieldBytes, writeContentHashField } from "../core/entry-wire.ts";
import type { AppendInput } from "../core/validate.ts";
import {
  type AppendRequest,
  type Entry,
  EntrySchema,
  type InclusionProof,
  InclusionProofSchema,
  type LoadResponseSchema,
} from "../gen/converge/context/v1/context_pb.ts";
import {
  type AppendStreamResponse,
  AppendStreamResponseSchema,
  type ContextInfo as ContextInfoMessage,
  ContextInfoSchema,
  type NewEntry,
  type Receipt,
  ReceiptSchema,
} from "../gen/converge/ledger/v1/ledger_pb.ts";
import { StatusSchema } from "../gen/google/rpc/status_pb.ts";
import type { Receipt as StoredReceipt } from "../ledger/append-unit.ts";
import type { Inclusion } from "../ledger/integrity.ts";
import type { ContextInfo } from "../ledger/ledger-api.ts";
import type { LoadResult } from "../ledger/loader.ts";
import { entryDamaged } from "../ledger/data-loss.ts";
import type { StoredEntry } from "../ledger/ports.ts";
import type { Acknowledged } from "./acknowledged.ts";
import { toConnectError } from "./connect-error.ts";

/** Returns the bytes of the Entry message, content_hash included. */
export function entryBytes(entry: StoredEntry): Uint8Array {
  const bytes = new Uint8Array(entry.wire.length + contentHashFieldBytes);
  bytes.set(entry.wire);
  writeContentHashField(bytes, entry.wire.length, entry.contentHash);
  return bytes;
}

export function entryMessage(entry: StoredEntry): Entry {
  try {
    return fromBinary(EntrySchema, entryBytes(entry));
  } catch (cause) {
    throw entryDamaged(entry.sequence, { cause });
  }
}

/** Returns the proof of an acknowledged entry, if it was asked for, as a field of an answer. */
export function proofField({ inclusion }: Acknowledged<StoredReceipt>): { readonly proof?: InclusionProof } {
  return inclusion === undefined ? {} : { proof: inclusionMessage(inclusion) };
}

export function inclusionMessage({ index, size, root, hashes }: Inclusion): InclusionProof {
  return create(InclusionProofSchema, {
    leafIndex: BigInt(index),
    treeSize: BigInt(size),
    root,
    hashes: [...hashes],
  });
}

export function receiptMessage(acknowledged: Acknowledged<StoredReceipt>): Receipt {
  const { id, sequence, appendedAtNs, lamport, contentHash, duplicate } = acknowledged;
  return create(ReceiptSchema, {
    id,
    sequence: BigInt(sequence),
    appendedAtNs,
    lamport,
    contentHash,
    duplicate,
    ...proofField(acknowledged),
  });
}

export function appendInput(message: AppendRequest | NewEntry): AppendInput {
  const { key, payload, metadata, receivedLamport, idempotencyKey } = message;
  return { key, payload, metadata: Object.entries(metadata), receivedLamport, idempotencyKey };
}

/** Returns the fields of a LoadResponse, or LoadStreamResponse. */
export function loadMessage(
  result: LoadResult,
): Omit<MessageInitShape<typeof LoadResponseSchema>, "$typeName"> {
  return {
    entriesRestored: BigInt(result.entriesRestored),
    entriesAdded: BigInt(result.entriesAdded),
    latestSequence: BigInt(result.latestSequence),
    unverified: result.unverified,
    resumeToken: result.resumeToken,
  };
}

/** Returns the answer to one refused request of an AppendStream. */
export function streamError(error: unknown): AppendStreamResponse {
  const { code, rawMessage: message, details } = toConnectError(error);
  const packed = details.flatMap((detail) =>
    "desc" in detail ? [anyPack(detail.desc, create(detail.desc, detail.value))] : [],
  );
  const value = create(StatusSchema, { code, message, details: packed });
  return create(AppendStreamResponseSchema, { result: { case: "error", value } });
}

export function contextInfoMessage({ contextId, head }: ContextInfo): ContextInfoMessage {
  return create(ContextInfoSchema, {
    contextId,
    latestSequence: BigInt(head.latest),
    entryCount: BigInt(head.latest),
    bytes: BigInt(head.bytes),
    createdAtNs: head.createdAtNs,
    lastAppendedAtNs: head.appendedAtNs,
    lamport: head.lamport,
  });
}
