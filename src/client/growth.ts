import { LedgerError } from "../core/errors.ts";
import type { Hash, Hasher } from "../core/hasher.ts";
import { type Checkpoint, parseCheckpoint } from "../core/tlog/checkpoint.ts";
import { checkCheckpointPair } from "../core/tlog/checkpoint-pair.ts";
import { parseNote } from "../core/tlog/signed-note.ts";
import { parseVerifierKey, type VerifierKey } from "../core/tlog/verifier-key.ts";
import { checkSignatures } from "./check-signatures.ts";

export interface VerifyGrowthOptions {
  /** Verifier keys of those who are trusted to sign. */
  readonly keys: readonly string[];
  /** Returns the hashes of a consistency proof; asked only if the sizes differ and everything else fits. */
  readonly proof: (log: {
    readonly origin: string;
    readonly from: number;
    readonly to: number;
  }) => Promise<readonly Hash[]>;
  readonly hasher: Hasher;
}

/** Two states of one log, of which the second has all of the first. */
export interface ProvenGrowth {
  readonly older: Checkpoint;
  readonly newer: Checkpoint;
  readonly signers: readonly VerifierKey[];
}

/** Returns the size and root of a signed checkpoint without looking at who signed. Throws LedgerError. */
export function readCheckpoint(text: string): Checkpoint {
  return parseCheckpoint(parseNote(text).text);
}

/**
 * Returns what two saved checkpoints of one log prove together. Rejects with LedgerError: CHECKPOINTS_FORK if the log
 * signed two histories, CHECKPOINTS_MISMATCH with `origin`, `key`, `order` or `proof` as its field, SIGNATURE_INVALID, or
 * what a malformed checkpoint or key gives.
 */
export async function verifyGrowth(
  olderText: string,
  newerText: string,
  { keys, proof, hasher }: VerifyGrowthOptions,
): Promise<ProvenGrowth> {
  const older = readCheckpoint(olderText);
  const newer = readCheckpoint(newerText);
  const pair = {
    checkpoints: [olderText, newerText] as const,
    keys: keys.map((key) => parseVerifierKey(key, hasher)),
    hasher,
  };
  let checked = checkCheckpointPair({ ...pair, hashes: [] });
  if (checked.kind === "mismatch" && checked.part === "proof" && older.size < newer.size) {
    const hashes = await proof({ origin: older.origin, from: older.size, to: newer.size });
    checked = checkCheckpointPair({ ...pair, hashes });
  }
  if (older.origin === newer.origin && older.size > newer.size) throw wrongOrder(older, newer);
  if (checked.kind === "mismatch") throw mismatch(checked.part, checked.message);
  await checkSignatures(checked.signatures);
  if (checked.kind === "fork")
    throw new LedgerError("DATA_LOSS", checked.message, { reason: "CHECKPOINTS_FORK", remedy });
  return { older, newer, signers: [...new Set(checked.signatures.map(({ key }) => key))] };
}

const remedy = "keep both files: together they prove it to anybody";

function wrongOrder(older: Checkpoint, newer: Checkpoint): LedgerError {
  return mismatch(
    "order",
    `the old checkpoint of ${older.origin} has ${older.size} leaves, and the new one ${newer.size}: they are the wrong way round, or the log has lost entries`,
  );
}

function mismatch(part: string, message: string): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", message, { reason: "CHECKPOINTS_MISMATCH", field: part });
}
