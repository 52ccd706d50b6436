/**
 * What one stored row says, held against its own hash.
 *
 * @module
 */

import { ByteWriter } from "../core/byte-writer.ts";
import { decodeEntry } from "../core/entry-wire.ts";
import { type Entry, entryBytes, writeRecord } from "../core/entry.ts";
import { hashBytes, type Hash, type Hasher } from "../core/hasher.ts";
import { limits } from "../core/limits.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import { parseHeadRecord } from "../core/tlog/head-record.ts";
import { nodeLogId, type StoredEntry } from "./ports.ts";

/** One place of a log, as it was found. */
export interface Verdict {
  readonly sequence: number;
  /** The hash that is stored, which trees are built of; zeros if there is none. */
  readonly stored: Hash;
  /** The hash of what is stored. */
  readonly actual: Hash;
  /** What does not match; undefined if everything does. */
  readonly problem: string | undefined;
  /** Undefined if the row cannot be read that far. */
  readonly content: Content | undefined;
}

/** What the head of a context and the index of keys say again. */
export interface Content {
  readonly key: string;
  readonly bytes: number;
  readonly lamport: bigint;
  readonly appendedAtNs: bigint;
}

/** A row whose wire could be read. */
interface Readable {
  readonly sequence: number | undefined;
  readonly content: Content;
}

export const noHash: Hash = new Uint8Array(hashBytes);

const scratch = new ByteWriter(1024);

/** Returns a verdict on each row of a log; rows are as the store gives them, of damaged ones nothing is taken for granted. */
export function judgeRows(contextId: string, rows: readonly StoredEntry[], hasher: Hasher): Verdict[] {
  const messages: Uint8Array[] = [];
  const readable =
    contextId === nodeLogId
      ? readHeadRecords(rows, messages)
      : readEntries(contextId, rows, messages, hasher);
  const hashes = hasher.sha256Many(messages);
  return rows.map((row, i) => {
    const actual = hashes.subarray(hashBytes * i, hashBytes * (i + 1));
    const stored = isHash(row.contentHash) ? row.contentHash : noHash;
    const problem = problemOf(row, readable[i], actual);
    return { sequence: row.sequence, stored, actual, problem, content: readable[i]?.content };
  });
}

/** Returns whether the row's columns are of the kinds that everything relies on. */
export function isWellFormed({ contentHash, wire }: StoredEntry): boolean {
  return isHash(contentHash) && wire instanceof Uint8Array;
}

function isHash(hash: unknown): hash is Hash {
  return hash instanceof Uint8Array && hash.length === hashBytes;
}

function problemOf(row: StoredEntry, read: Readable | undefined, actual: Hash): string | undefined {
  if (!isHash(row.contentHash)) return "the hash stored beside it is none";
  if (read === undefined) return "its bytes cannot be read";
  if (read.sequence !== undefined && read.sequence !== row.sequence)
    return `its bytes are those of sequence ${read.sequence}`;
  return sameBytes(actual, row.contentHash) ? undefined : "its bytes do not have the hash stored beside it";
}

/** Reads entries, and adds what each is to be hashed as to `messages`. */
function readEntries(
  contextId: string,
  rows: readonly StoredEntry[],
  messages: Uint8Array[],
  hasher: Hasher,
): (Readable | undefined)[] {
  const entries = rows.map(readEntry);
  const payloads = hasher.sha256Many(entries.map((entry) => entry?.payload ?? noHash));
  return entries.map((entry, i) => {
    if (entry === undefined) {
      messages.push(asLeaf(rows[i]?.wire));
      return undefined;
    }
    const payloadHash = payloads.subarray(hashBytes * i, hashBytes * (i + 1));
    writeRecord(scratch.reset().u8(0), contextId, entry, payloadHash);
    messages.push(scratch.copy());
    const { sequence, key, lamport, appendedAtNs } = entry;
    return { sequence, content: { key, lamport, appendedAtNs, bytes: entryBytes(entry) } };
  });
}

/** Returns undefined if the row is no entry that was ever accepted. */
function readEntry(row: StoredEntry): Entry | undefined {
  try {
    const entry = decodeEntry(row.wire);
    return entry.lamport <= limits.lamportMax && entry.appendedAtNs <= limits.timeNsMax ? entry : undefined;
  } catch {
    return undefined;
  }
}

function readHeadRecords(rows: readonly StoredEntry[], messages: Uint8Array[]): (Readable | undefined)[] {
  return rows.map(({ wire }) => {
    messages.push(asLeaf(wire));
    try {
      const { contextId } = parseHeadRecord(wire);
      return {
        sequence: undefined,
        content: { key: contextId, bytes: wire.length, lamport: 0n, appendedAtNs: 0n },
      };
    } catch {
      return undefined;
    }
  });
}

/** [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) */
function asLeaf(record: unknown): Uint8Array {
  return record instanceof Uint8Array ? scratch.reset().u8(0).raw(record).copy() : noHash;
}
