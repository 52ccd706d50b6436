/**
 * A log that is signed: entries, the checkpoints of any size, proofs from a recursive definition of the tree.
 *
 * @module
 */

import { createHash, type KeyObject } from "node:crypto";
import { assert } from "../../../src/core/assert.ts";
import type { Entry } from "../../../src/core/entry.ts";
import type { Hash } from "../../../src/core/hasher.ts";
import { checkpointBody } from "../../../src/core/tlog/checkpoint.ts";
import { entryRecordBytes } from "../../../src/core/tlog/entry-record.ts";
import { formatEvidence } from "../../../src/core/tlog/evidence.ts";
import { formatNote } from "../../../src/core/tlog/signed-note.ts";
import { keyIdOf, parseVerifierKey, formatVerifierKey } from "../../../src/core/tlog/verifier-key.ts";
import type { VerifierKey } from "../../../src/core/tlog/verifier-key.ts";
import { encodeUtf8 } from "../../../src/core/utf8.ts";
import { privateKeyOfSeed, rawPublicKey, signEd25519 } from "../../../src/node/ed25519.ts";
import { referenceHasher } from "../../hash/reference-hasher.ts";
import { vectorEntries } from "../vector-entries.ts";

export const sampleContextId = "audit/2026 é";
export const sampleOrigin = "ledger.example/n1/audit%2F2026%20%C3%A9";

export function sampleKey(ordinal: number): KeyObject {
  return privateKeyOfSeed(new Uint8Array(32).fill(ordinal));
}

export function verifierKeyOf(key: KeyObject, name: string): VerifierKey {
  return parseVerifierKey(formatVerifierKey(name, rawPublicKey(key), referenceHasher), referenceHasher);
}

/** Signs any text under `name`. */
export function signNote(text: string, name: string, keys: readonly KeyObject[]): string {
  return formatNote(
    text,
    keys.map((key) => ({
      name,
      keyId: keyIdOf(name, rawPublicKey(key), referenceHasher),
      signature: signEd25519(key, encodeUtf8(text)),
    })),
  );
}

/** Returns an entry of the worked example. */
export function vectorEntry(index: number): (typeof vectorEntries)[number] {
  const found = vectorEntries[index];
  assert(found !== undefined, "the worked example has this entry");
  return found;
}

export function samplePayload(sequence: number): Uint8Array {
  return new Uint8Array(sequence).fill(sequence);
}

export function sampleRecord(sequence: number, contextId = sampleContextId): Uint8Array {
  const payload = samplePayload(sequence);
  const entry: Entry = {
    id: `id-${sequence}`,
    key: "key",
    payload,
    sequence,
    appendedAtNs: 1_000_000_000n + BigInt(sequence),
    metadata: [["a", "1"]],
    lamport: BigInt(sequence),
  };
  return entryRecordBytes(contextId, entry, sha256(payload));
}

/** Returns the signed checkpoint of a log of these records. */
export function sampleCheckpoint(
  records: readonly Uint8Array[],
  keys: readonly KeyObject[],
  origin = sampleOrigin,
): string {
  const body = checkpointBody({ origin, size: records.length, root: rootOf(records) });
  return signNote(body, origin, keys);
}

/** Returns the evidence file of one of these records. */
export function sampleEvidence(
  records: readonly Uint8Array[],
  index: number,
  keys: readonly KeyObject[],
  origin = sampleOrigin,
): string {
  const record = records[index] ?? new Uint8Array(0);
  const checkpoint = sampleCheckpoint(records, keys, origin);
  return formatEvidence({ record, index, hashes: pathOf(records, index), checkpoint });
}

/** MTH of [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1). */
export function rootOf(records: readonly Uint8Array[]): Hash {
  if (records.length === 0) return sha256();
  const [only] = records;
  if (records.length === 1 && only !== undefined) return sha256(new Uint8Array([0]), only);
  const k = splitOf(records.length);
  return sha256(new Uint8Array([1]), rootOf(records.slice(0, k)), rootOf(records.slice(k)));
}

/** PATH of [RFC 6962, section 2.1.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1). */
export function pathOf(records: readonly Uint8Array[], index: number): Hash[] {
  if (records.length <= 1) return [];
  const k = splitOf(records.length);
  const [left, right] = [records.slice(0, k), records.slice(k)];
  return index < k ? [...pathOf(left, index), rootOf(right)] : [...pathOf(right, index - k), rootOf(left)];
}

/** PROOF of [RFC 6962, section 2.1.2](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2). */
export function growthOf(records: readonly Uint8Array[], first: number, isWhole = true): Hash[] {
  if (first === records.length) return isWhole ? [] : [rootOf(records)];
  const k = splitOf(records.length);
  const [left, right] = [records.slice(0, k), records.slice(k)];
  if (first <= k) return [...growthOf(left, first, isWhole), rootOf(right)];
  return [...growthOf(right, first - k, false), rootOf(left)];
}

function splitOf(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}

function sha256(...pieces: readonly Uint8Array[]): Hash {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return new Uint8Array(hash.digest());
}
