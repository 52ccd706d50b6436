/**
 * The hot answers, written by hand around the stored bytes of entries. All return what protobuf-es would
 * write for the same message, after `prefix` free bytes for a frame header.
 *
 * @module
 */

import {
  contentHashFieldBytes,
  varint64Size,
  varintSize,
  writeContentHashField,
  writeVarint,
  writeVarint64,
} from "../../core/entry-wire.ts";
import { utf8Length, writeUtf8 } from "../../core/utf8.ts";
import { type Hash, hashBytes } from "../../core/hasher.ts";
import type { Receipt } from "../../ledger/append-unit.ts";
import type { Inclusion } from "../../ledger/integrity.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import type { GetResult } from "../../ledger/reader.ts";
import { type Acknowledged, type Durability, leastOf } from "../acknowledged.ts";

/** Length of the header of a gRPC or Connect frame: one byte of flags, four of length. */
export const frameHeaderBytes = 5;

/** duplicate = true; durability = 1 of 1, as a node alone has it. */
const duplicateTail = Uint8Array.of(0x10, 0x01, 0x1a, 0x04, 0x08, 0x01, 0x10, 0x01);
const appendTail = duplicateTail.subarray(2);
/** The same durability, as field 2 of a batch's answer. */
const batchTail = Uint8Array.of(0x12, 0x04, 0x08, 0x01, 0x10, 0x01);
/** The tags of Durability in the two answers. */
const appendDurabilityTag = 0x1a;
const batchDurabilityTag = 0x12;
/** The tags of InclusionProof in AppendResponse and in Receipt. */
const appendProofTag = 0x22;
const receiptProofTag = 0x3a;
/** A hash as a field: tag, length, 32 bytes. */
const hashFieldBytes = 2 + hashBytes;

/** Returns a converge.context.v1.AppendResponse. */
export function writeAppendAnswer(appended: Acknowledged, prefix: number): Uint8Array<ArrayBuffer> {
  const { inclusion } = appended;
  const tail = appendTailOf(appended);
  const proofBytes = inclusion === undefined ? 0 : proofFieldSize(inclusion);
  const bytes = new Uint8Array(prefix + entryFieldSize(appended) + tail.length + proofBytes);
  const at = writeEntryField(bytes, prefix, appended);
  bytes.set(tail, at);
  if (inclusion !== undefined) writeProofField(bytes, at + tail.length, appendProofTag, inclusion);
  return bytes;
}

/** Returns a converge.context.v1.GetResponse. */
export function writeGetAnswer(
  { entries, latestSequence, more, resumeToken }: GetResult,
  prefix: number,
): Uint8Array<ArrayBuffer> {
  let size =
    prefix +
    (latestSequence === 0 ? 0 : 1 + varintSize(latestSequence)) +
    (more ? 2 : 0) +
    2 +
    resumeToken.length;
  for (const entry of entries) size += entryFieldSize(entry);
  const bytes = new Uint8Array(size);
  let at = prefix;
  for (const entry of entries) at = writeEntryField(bytes, at, entry);
  if (latestSequence > 0) {
    bytes[at] = 0x10;
    at = writeVarint(bytes, at + 1, latestSequence);
  }
  if (more) {
    bytes[at] = 0x18;
    bytes[at + 1] = 1;
    at += 2;
  }
  bytes[at] = 0x22;
  at = writeVarint(bytes, at + 1, resumeToken.length);
  bytes.set(resumeToken, at);
  return bytes;
}

/** Returns a converge.ledger.v1.AppendBatchResponse. */
export function writeBatchAnswer(
  appended: readonly Acknowledged<Receipt>[],
  prefix: number,
): Uint8Array<ArrayBuffer> {
  const tail = batchTailOf(appended);
  const bytes = new Uint8Array(prefix + batchSize(appended, tail));
  writeBatch(bytes, prefix, appended, tail);
  return bytes;
}

/** Returns a framed converge.ledger.v1.AppendStreamResponse. */
export function writeStreamAnswer(appended: readonly Acknowledged<Receipt>[]): Uint8Array<ArrayBuffer> {
  const tail = batchTailOf(appended);
  const size = batchSize(appended, tail);
  const message = 1 + varintSize(size) + size;
  const bytes = new Uint8Array(frameHeaderBytes + message);
  writeFrameHeader(bytes, 0, message);
  bytes[frameHeaderBytes] = 0x0a;
  writeBatch(bytes, writeVarint(bytes, frameHeaderBytes + 1, size), appended, tail);
  return bytes;
}

/** Returns what follows the entry in the answer to an append, but for its proof. */
function appendTailOf({ duplicate, copies, holders }: Receipt): Uint8Array {
  if (copies === 1 && holders === 1) return duplicate ? duplicateTail : appendTail;
  const field = durabilityField(appendDurabilityTag, { copies, holders });
  return duplicate ? Buffer.concat([duplicateTail.subarray(0, 2), field]) : field;
}

function batchTailOf(appended: readonly Durability[]): Uint8Array {
  const least = leastOf(appended);
  return least.copies === 1 && least.holders === 1 ? batchTail : durabilityField(batchDurabilityTag, least);
}

function durabilityField(tag: number, { copies, holders }: Durability): Uint8Array {
  const body = 2 + varintSize(copies) + varintSize(holders);
  const bytes = new Uint8Array(2 + body);
  bytes[0] = tag;
  bytes[1] = body;
  bytes[2] = 0x08;
  const at = writeVarint(bytes, 3, copies);
  bytes[at] = 0x10;
  writeVarint(bytes, at + 1, holders);
  return bytes;
}

function batchSize(appended: readonly Acknowledged<Receipt>[], tail: Uint8Array): number {
  let size = tail.length;
  for (const one of appended) {
    const receipt = receiptSize(one);
    size += 1 + varintSize(receipt) + receipt;
  }
  return size;
}

function writeBatch(
  target: Uint8Array,
  offset: number,
  appended: readonly Acknowledged<Receipt>[],
  tail: Uint8Array,
): void {
  let at = offset;
  for (const one of appended) {
    target[at] = 0x0a;
    at = writeReceipt(target, writeVarint(target, at + 1, receiptSize(one)), one);
  }
  target.set(tail, at);
}

function receiptSize(acknowledged: Acknowledged<Receipt>): number {
  const { id, sequence, appendedAtNs, lamport, duplicate, inclusion } = acknowledged;
  const idBytes = utf8Length(id);
  const numbers =
    1 +
    varintSize(sequence) +
    1 +
    varint64Size(appendedAtNs) +
    (lamport === 0n ? 0 : 1 + varint64Size(lamport));
  const proofBytes = inclusion === undefined ? 0 : proofFieldSize(inclusion);
  return 1 + varintSize(idBytes) + idBytes + numbers + hashFieldBytes + (duplicate ? 2 : 0) + proofBytes;
}

function writeReceipt(target: Uint8Array, offset: number, acknowledged: Acknowledged<Receipt>): number {
  const { id, sequence, appendedAtNs, lamport, contentHash, duplicate, inclusion } = acknowledged;
  target[offset] = 0x0a;
  let at = writeUtf8(target, writeVarint(target, offset + 1, utf8Length(id)), id);
  target[at] = 0x10;
  at = writeVarint(target, at + 1, sequence);
  target[at] = 0x18;
  at = writeVarint64(target, at + 1, appendedAtNs);
  if (lamport !== 0n) {
    target[at] = 0x20;
    at = writeVarint64(target, at + 1, lamport);
  }
  at = writeHashField(target, at, 0x2a, contentHash);
  if (duplicate) {
    target[at] = 0x30;
    target[at + 1] = 1;
    at += 2;
  }
  return inclusion === undefined ? at : writeProofField(target, at, receiptProofTag, inclusion);
}

/** Size of an InclusionProof as a field of a message. */
function proofFieldSize(inclusion: Inclusion): number {
  const body = proofSize(inclusion);
  return 1 + varintSize(body) + body;
}

function proofSize({ index, size, hashes }: Inclusion): number {
  const indexBytes = index === 0 ? 0 : 1 + varintSize(index);
  return indexBytes + 1 + varintSize(size) + hashFieldBytes * (1 + hashes.length);
}

function writeProofField(target: Uint8Array, offset: number, tag: number, inclusion: Inclusion): number {
  const { index, size, root, hashes } = inclusion;
  target[offset] = tag;
  let at = writeVarint(target, offset + 1, proofSize(inclusion));
  if (index > 0) {
    target[at] = 0x08;
    at = writeVarint(target, at + 1, index);
  }
  target[at] = 0x10;
  at = writeHashField(target, writeVarint(target, at + 1, size), 0x1a, root);
  for (const hash of hashes) at = writeHashField(target, at, 0x22, hash);
  return at;
}

function writeHashField(target: Uint8Array, offset: number, tag: number, hash: Hash): number {
  target[offset] = tag;
  target[offset + 1] = hashBytes;
  target.set(hash, offset + 2);
  return offset + hashFieldBytes;
}

/** Returns one framed converge.context.v1.WatchEvent per entry, joined. */
export function writeWatchFrames(entries: readonly StoredEntry[]): Uint8Array {
  let size = 0;
  for (const entry of entries) size += frameHeaderBytes + entryFieldSize(entry);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const entry of entries) {
    const end = writeEntryField(bytes, at + frameHeaderBytes, entry);
    writeFrameHeader(bytes, at, end - at - frameHeaderBytes);
    at = end;
  }
  return bytes;
}

/** Fills in the header of an uncompressed frame of `length` bytes. */
export function writeFrameHeader(target: Uint8Array, offset: number, length: number): void {
  target[offset] = 0;
  target[offset + 1] = length >>> 24;
  target[offset + 2] = length >>> 16;
  target[offset + 3] = length >>> 8;
  target[offset + 4] = length;
}

/** Returns `message` with a frame header. */
export function framed(message: Uint8Array, flags = 0): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes + message.length);
  bytes.set(message, frameHeaderBytes);
  writeFrameHeader(bytes, 0, message.length);
  bytes[0] = flags;
  return bytes;
}

/** Size of an Entry as field 1 of a message. */
function entryFieldSize(entry: StoredEntry): number {
  const body = entry.wire.length + contentHashFieldBytes;
  return 1 + varintSize(body) + body;
}

function writeEntryField(target: Uint8Array, offset: number, entry: StoredEntry): number {
  target[offset] = 0x0a;
  const at = writeVarint(target, offset + 1, entry.wire.length + contentHashFieldBytes);
  target.set(entry.wire, at);
  return writeContentHashField(target, at + entry.wire.length, entry.contentHash);
}
