/**
 * Evidence files, verified with a public key and nothing else: no server, no network.
 *
 *     const hasher = await loadHasher();
 *     const proven = await verifyEvidence(text, { keys: [key], hasher });
 *     if (proven.subject.kind === "entry") console.log(proven.subject.record.contextId);
 *
 * @module
 */

import type { EntryRecord } from "../core/entry.ts";
import { LedgerError } from "../core/errors.ts";
import type { Hasher } from "../core/hasher.ts";
import type { Checkpoint } from "../core/tlog/checkpoint.ts";
import {
  type EvidencePart,
  type EvidenceSubject,
  leafHash,
  openEvidence,
  parseEvidence,
} from "../core/tlog/evidence.ts";
import { parseVerifierKey, type VerifierKey } from "../core/tlog/verifier-key.ts";
import { checkSignatures } from "./check-signatures.ts";

export interface VerifyEvidenceOptions {
  /** Verifier keys of those who are trusted to sign; keys of other logs do no harm. */
  readonly keys: readonly string[];
  /** What the entry's payload is claimed to be, if anything. */
  readonly payload?: Uint8Array;
  readonly hasher: Hasher;
}

/** What evidence proves: that the log of the checkpoint has a leaf, and that its signers said so. */
export interface ProvenEvidence {
  /** What the leaf says: an entry of a context, or, in a log of logs, a context's size and root. */
  readonly subject: EvidenceSubject;
  /** Of the context. */
  readonly generation: number;
  /** The entry's content_hash, or the hash of the head record. */
  readonly leaf: Uint8Array;
  /** Where the leaf is in the tree, from 0 on. */
  readonly index: number;
  readonly checkpoint: Checkpoint;
  /** The given keys whose signatures were verified; at least one. */
  readonly signers: readonly VerifierKey[];
  /** Signatures by keys that were not given, as `<name>+<key id>`; nothing is known about them. */
  readonly unknown: readonly string[];
}

export type { EntryRecord, EvidencePart, EvidenceSubject };

/**
 * Returns what evidence proves. Rejects with LedgerError: EVIDENCE_MALFORMED, NOTE_MALFORMED or CHECKPOINT_MALFORMED if
 * the text is none, EVIDENCE_MISMATCH with the {@link EvidencePart} as its field if something does not fit,
 * SIGNATURE_INVALID, or VERIFIER_KEY_INVALID.
 */
export async function verifyEvidence(
  text: string,
  { keys, payload, hasher }: VerifyEvidenceOptions,
): Promise<ProvenEvidence> {
  const file = parseEvidence(text);
  const opened = openEvidence(file, {
    keys: keys.map((key) => parseVerifierKey(key, hasher)),
    payload,
    hasher,
  });
  if (opened.kind === "mismatch") throw mismatch(opened.part, opened.message);
  const { subject, generation, index, checkpoint, signatures, unknown } = opened;
  await checkSignatures(signatures);
  const signers = signatures.map(({ key }) => key);
  return { subject, generation, leaf: leafHash(file.record, hasher), index, checkpoint, signers, unknown };
}

function mismatch(part: EvidencePart, message: string): LedgerError {
  const remedy = remedies[part];
  return new LedgerError("FAILED_PRECONDITION", message, {
    reason: "EVIDENCE_MISMATCH",
    field: part,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

const remedies: Partial<Record<EvidencePart, string>> = {
  key: "keys carry the name of the log they sign: use the one that `converge-ledger key CTX` prints for this context, or `converge-ledger key` for a log of logs",
};
