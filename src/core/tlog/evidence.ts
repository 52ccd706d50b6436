/**
 * Evidence: one file that shows, with a public key and no server, that an entry is in a context, or a context's size and
 * root in the log of logs. [C2SP tlog-proof](https://c2sp.org/tlog-proof)
 *
 * @module
 */

import { assert } from "../assert.ts";
import { base64, unbase64 } from "../base64.ts";
import type { EntryRecord } from "../entry.ts";
import { recordHeader } from "../entry.ts";
import { LedgerError, quote } from "../errors.ts";
import { type Hash, hashBytes, type Hasher } from "../hasher.ts";
import { hex } from "../hex.ts";
import { limits } from "../limits.ts";
import { verifyInclusion } from "../merkle/inclusion-proof.ts";
import { sameBytes } from "../snapshot/same-bytes.ts";
import { utf8Length } from "../utf8.ts";
import { type Checkpoint, parseCheckpoint, parseDecimal } from "./checkpoint.ts";
import { parseEntryRecord } from "./entry-record.ts";
import { type HeadRecord, parseHeadRecord } from "./head-record.ts";
import { type MatchedSignatures, matchKeys } from "./note-key-match.ts";
import { isLogName, parseContextOrigin } from "./origin.ts";
import { parseNote } from "./signed-note.ts";
import type { VerifierKey } from "./verifier-key.ts";

/** What an evidence file holds. Nothing of it is trusted before its signatures are verified. */
export interface EvidenceFile {
  /** The bytes that, after a 0x00, hash to the leaf: an entry record, or a head record. */
  readonly record: Uint8Array;
  /** Of the leaf. */
  readonly index: number;
  /** From the leaf's sibling upwards. */
  readonly hashes: readonly Hash[];
  /** A signed note. */
  readonly checkpoint: string;
}

const header = "c2sp.org/tlog-proof@v1";
const extraPrefix = "extra ";
const indexPrefix = "index ";

export function formatEvidence({ record, index, hashes, checkpoint }: EvidenceFile): string {
  assert(Number.isSafeInteger(index) && index >= 0, "the index of a leaf is an exact number");
  const path = hashes.map((hash) => `${base64(hash)}\n`).join("");
  return `${header}\n${extraPrefix}${base64(record)}\n${indexPrefix}${index}\n${path}\n${checkpoint}`;
}

/**
 * Throws INVALID_ARGUMENT unless `text` is exactly what {@link formatEvidence} writes. Decode a file with `decodeUtf8`:
 * other decoders drop or replace bytes.
 */
export function parseEvidence(text: string): EvidenceFile {
  if (text.length > limits.evidenceBytesMax || utf8Length(text) > limits.evidenceBytesMax)
    throw malformed(`has more than ${limits.evidenceBytesMax} bytes`);
  const blank = text.indexOf("\n\n");
  if (blank < 0) throw malformed("has no empty line before its checkpoint");
  const [first, extraLine = "", indexLine = "", ...hashLines] = text.slice(0, blank).split("\n");
  if (first !== header) throw malformed(`does not begin with the line ${header}`);
  const record = extraLine.startsWith(extraPrefix)
    ? unbase64(extraLine.slice(extraPrefix.length))
    : undefined;
  if (record === undefined) throw malformed("has no line `extra` with the record in base64 on line 2");
  if (record.length > limits.recordBytesMax)
    throw malformed(`has a record of ${record.length} bytes, more than ${limits.recordBytesMax}`);
  const index = indexLine.startsWith(indexPrefix)
    ? parseDecimal(indexLine.slice(indexPrefix.length))
    : undefined;
  if (index === undefined) throw malformed("has no line `index` with a whole number on line 3");
  if (hashLines.length > limits.proofHashesMax)
    throw malformed(`has ${hashLines.length} hashes, more than ${limits.proofHashesMax}`);
  const hashes = hashLines.map((line, i) => {
    const hash = unbase64(line);
    if (hash?.length !== hashBytes)
      throw malformed(`has ${quote(line)} on line ${i + 4}, not base64 of 32 bytes`);
    return hash;
  });
  const checkpoint = text.slice(blank + 2);
  parseCheckpoint(parseNote(checkpoint).text);
  return { record, index, hashes, checkpoint };
}

export interface EvidenceOptions {
  /** Of all keys that are trusted; those of other logs do no harm. */
  readonly keys: readonly VerifierKey[];
  /** What the entry's payload is claimed to be, if anything. */
  readonly payload?: Uint8Array | undefined;
  readonly hasher: Hasher;
}

/** Parts of evidence that can contradict each other or what was given. */
export type EvidencePart = "record" | "origin" | "index" | "path" | "key" | "payload";

export interface EvidenceMismatch {
  readonly kind: "mismatch";
  readonly part: EvidencePart;
  /** A sentence without a full stop that names both sides. */
  readonly message: string;
}

/** Evidence in which everything fits. It counts once every one of `signatures` is verified. */
export interface OpenedEvidence extends MatchedSignatures {
  readonly kind: "match";
  readonly checkpoint: Checkpoint;
  readonly index: number;
  /** Of the context. */
  readonly generation: number;
  readonly subject: EvidenceSubject;
}

/** What the leaf says. */
export type EvidenceSubject =
  | { readonly kind: "entry"; readonly record: EntryRecord }
  | { readonly kind: "context"; readonly record: HeadRecord };

/** Checks all of an evidence file but its signatures, which it returns; says of the first contradiction where it is. */
export function openEvidence(
  file: EvidenceFile,
  options: EvidenceOptions,
): OpenedEvidence | EvidenceMismatch {
  const { keys, payload, hasher } = options;
  const note = parseNote(file.checkpoint);
  const checkpoint = parseCheckpoint(note.text);
  const subject = subjectOf(file.record);
  if (typeof subject === "string") return mismatch("record", subject);

  const generation = generationOf(subject, checkpoint.origin);
  if (typeof generation === "string") return mismatch("origin", generation);

  if (subject.kind === "entry" && subject.record.sequence !== file.index + 1) {
    const { sequence } = subject.record;
    return mismatch(
      "index",
      `the record is of entry ${sequence}, and the proof is of entry ${file.index + 1}`,
    );
  }
  const path = pathFault(file, checkpoint, hasher);
  if (path !== undefined) return mismatch("path", path);

  const matched = matchKeys(note, checkpoint.origin, keys);
  if (typeof matched === "string") return mismatch("key", matched);

  const payloadText = payload === undefined ? undefined : payloadFault(subject, payload, hasher);
  if (payloadText !== undefined) return mismatch("payload", payloadText);
  return { kind: "match", checkpoint, index: file.index, generation, subject, ...matched };
}

function subjectOf(record: Uint8Array): EvidenceSubject | string {
  const isEntry = sameBytes(record.subarray(0, recordHeader.length), recordHeader);
  try {
    return isEntry
      ? { kind: "entry", record: parseEntryRecord(record) }
      : { kind: "context", record: parseHeadRecord(record) };
  } catch (error) {
    if (error instanceof LedgerError) return error.message;
    throw error;
  }
}

/** Returns the generation of the context, or what is wrong if a log with this origin cannot have this leaf. */
function generationOf({ kind, record }: EvidenceSubject, origin: string): number | string {
  const { contextId } = record;
  if (kind === "context") {
    if (isLogName(origin)) return record.generation;
    return `the record is of the log of logs, and the checkpoint is of ${quote(origin)}, which cannot be one`;
  }
  const log = parseContextOrigin(origin);
  if (log === undefined)
    return `the record is of context ${quote(contextId)}, and the checkpoint is of ${quote(origin)}, which is no context's`;
  if (log.contextId === contextId) return log.generation;
  return `the record is of context ${quote(contextId)}, and the checkpoint is of context ${quote(log.contextId)}`;
}

function pathFault(file: EvidenceFile, { size, root }: Checkpoint, hasher: Hasher): string | undefined {
  const { record, index, hashes } = file;
  if (index >= size) return `the proof is of leaf ${index}, and the tree of the checkpoint has ${size}`;
  const leaf = leafHash(record, hasher);
  if (verifyInclusion({ index, size, root, leaf, hashes }, "rfc6962", hasher)) return undefined;
  return `the record and its ${hashes.length} hashes do not lead to the root ${hex(root)} of the checkpoint`;
}

/** Returns SHA-256(0x00 ‖ record). [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) */
export function leafHash(record: Uint8Array, hasher: Hasher): Hash {
  const prefixed = new Uint8Array(1 + record.length);
  prefixed.set(record, 1);
  return hasher.sha256(prefixed);
}

function payloadFault(
  { kind, record }: EvidenceSubject,
  payload: Uint8Array,
  hasher: Hasher,
): string | undefined {
  if (kind === "context") return "the evidence is of a context, which has no payload";
  const { payloadBytes, payloadHash } = record;
  if (payload.length !== payloadBytes)
    return `the payload has ${payload.length} bytes, the entry's has ${payloadBytes}`;
  const hash = hasher.sha256(payload);
  if (sameBytes(hash, payloadHash)) return undefined;
  return `the payload has SHA-256 ${hex(hash)}, the entry's has ${hex(payloadHash)}`;
}

function mismatch(part: EvidencePart, message: string): EvidenceMismatch {
  return { kind: "mismatch", part, message };
}

function malformed(fault: string): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `Evidence ${fault}`, {
    reason: "EVIDENCE_MALFORMED",
    remedy: "get the file again, and keep its bytes as they are",
  });
}
