import type { Hash, Hasher } from "../hasher.ts";
import { hex } from "../hex.ts";
import { verifyConsistency } from "../merkle/consistency-proof.ts";
import { sameBytes } from "../snapshot/same-bytes.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { matchKeys, type SignatureToVerify } from "./note-key-match.ts";
import { parseNote } from "./signed-note.ts";
import type { VerifierKey } from "./verifier-key.ts";

export interface CheckpointPair {
  /** Two signed notes, in any order. */
  readonly checkpoints: readonly [string, string];
  /** The consistency proof between their sizes; not needed if these are equal. */
  readonly hashes: readonly Hash[];
  readonly keys: readonly VerifierKey[];
  readonly hasher: Hasher;
}

/** It counts once every one of `signatures` is verified. */
export interface CheckedPair {
  /**
   * `same`: one state. `grown`: the second has all of the first. `fork`: two roots of one size, so the log has told two
   * histories, and the two signed checkpoints prove it to anybody.
   */
  readonly kind: "same" | "grown" | "fork";
  /** The smaller, or the one given first. */
  readonly first: Checkpoint;
  readonly second: Checkpoint;
  /** Of both. At least one of each. */
  readonly signatures: readonly SignatureToVerify[];
  /** Signatures by keys that were not given, as `<name>+<key id>`. */
  readonly unknown: readonly string[];
  /** A sentence without a full stop. */
  readonly message: string;
}

export interface PairMismatch {
  readonly kind: "mismatch";
  readonly part: "origin" | "key" | "proof";
  /** A sentence without a full stop that names both sides. */
  readonly message: string;
}

/**
 * Checks all of two saved checkpoints of one log but their signatures, which it returns. A proof that fails shows only that
 * this proof is no good: ask for another. Throws INVALID_ARGUMENT if a note is malformed.
 */
export function checkCheckpointPair(pair: CheckpointPair): CheckedPair | PairMismatch {
  const { checkpoints, hashes, keys, hasher } = pair;
  const opened = checkpoints.map((text) => {
    const note = parseNote(text);
    return { note, checkpoint: parseCheckpoint(note.text) };
  });
  opened.sort((a, b) => a.checkpoint.size - b.checkpoint.size);
  const [first, second] = opened as [(typeof opened)[0], (typeof opened)[0]];
  const { origin } = first.checkpoint;
  if (second.checkpoint.origin !== origin) {
    const message = `one checkpoint is of ${origin}, the other of ${second.checkpoint.origin}`;
    return { kind: "mismatch", part: "origin", message };
  }
  const signatures: SignatureToVerify[] = [];
  const unknown: string[] = [];
  for (const { note } of opened) {
    const matched = matchKeys(note, origin, keys);
    if (typeof matched === "string") return { kind: "mismatch", part: "key", message: matched };
    signatures.push(...matched.signatures);
    unknown.push(...matched.unknown);
  }
  const compared = compare(first.checkpoint, second.checkpoint, hashes, hasher);
  if (compared.kind === "mismatch") return compared;
  return { ...compared, first: first.checkpoint, second: second.checkpoint, signatures, unknown };
}

function compare(
  first: Checkpoint,
  second: Checkpoint,
  hashes: readonly Hash[],
  hasher: Hasher,
): Pick<CheckedPair, "kind" | "message"> | PairMismatch {
  const { origin, size } = first;
  if (size === second.size) {
    if (sameBytes(first.root, second.root))
      return { kind: "same", message: `both checkpoints are of size ${size}` };
    const roots = `${hex(first.root)} and ${hex(second.root)}`;
    return {
      kind: "fork",
      message: `FORK: ${origin} signed two histories of ${size} entries, with the roots ${roots}`,
    };
  }
  if (verifyConsistency({ first, second, hashes }, hasher))
    return {
      kind: "grown",
      message: `${origin} grew from ${size} to ${second.size} and changed nothing before`,
    };
  const message = `the ${hashes.length} hashes do not lead from size ${size} to size ${second.size}: the proof is wrong, or the log changed`;
  return { kind: "mismatch", part: "proof", message };
}
