/**
 * The text of a checkpoint: which log, how many leaves, which root. [C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint)
 *
 * @module
 */

import { assert } from "../assert.ts";
import { base64, unbase64 } from "../base64.ts";
import { LedgerError, quote } from "../errors.ts";
import { type Hash, hashBytes } from "../hasher.ts";
import { isKeyName } from "./verifier-key.ts";

export interface Checkpoint {
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  readonly root: Hash;
}

/** Returns the text that is signed. */
export function checkpointBody({ origin, size, root }: Checkpoint): string {
  assert(isKeyName(origin), "an origin is also the name of the keys that sign it");
  assert(Number.isSafeInteger(size) && size >= 0, "the size of a tree is an exact number");
  assert(root.length === hashBytes, "a root has 32 bytes");
  return `${origin}\n${size}\n${base64(root)}\n`;
}

/** Throws INVALID_ARGUMENT unless `text` is exactly what {@link checkpointBody} writes: it has no extension lines. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  const [origin = "", sizeText = "", rootText = ""] = lines;
  if (lines.length !== 4 || lines[3] !== "") throw malformed("is not three lines: origin, size and root");
  if (!isKeyName(origin))
    throw malformed(`has the origin ${quote(origin)}, which is empty or has spaces or a plus`);
  const size = parseDecimal(sizeText);
  if (size === undefined) throw malformed(`has the size ${quote(sizeText)}, not a whole number below 2^53`);
  const root = unbase64(rootText);
  if (root?.length !== hashBytes) throw malformed(`has the root ${quote(rootText)}, not base64 of 32 bytes`);
  return { origin, size, root };
}

/** Returns a whole number below 2^53 in decimal digits without leading zeros, undefined if `text` is anything else. */
export function parseDecimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function malformed(fault: string): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `Checkpoint ${fault}`, {
    reason: "CHECKPOINT_MALFORMED",
    remedy: "fetch it again, and keep its bytes as they are",
  });
}
