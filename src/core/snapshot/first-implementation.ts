/**
 * Snapshots of the first implementation, versions 1 and 2: Erlang external terms, which begin with
 * the byte 131.
 *
 * @module
 */

import type { LedgerError } from "../errors.ts";
import { encodeUtf8 } from "../utf8.ts";
import { unsupportedSnapshot } from "./snapshot-error.ts";

export const erlangTermTag = 131;

/** Returns the error that refuses such a snapshot, naming its version if these first bytes show it. */
export function firstImplementationSnapshot(chunk: Uint8Array): LedgerError {
  const version = declaredVersion(chunk);
  return unsupportedSnapshot(`version ${version ?? "1 or 2"} (Erlang external term)`);
}

const versionAtom = encodeUtf8("version");
const smallAtomUtf8Tag = 119;
const smallIntegerTag = 97;

/** Looks for the atom `version`, in either of its encodings, before a small integer. */
function declaredVersion(chunk: Uint8Array): number | undefined {
  for (let at = 3; at + versionAtom.length + 1 < chunk.length; at += 1) {
    // 100, u16 length or 119, u8 length: the byte before the name is its length in both.
    if (chunk[at - 1] !== versionAtom.length) continue;
    const isAtom = chunk[at - 2] === smallAtomUtf8Tag || (chunk[at - 2] === 0 && chunk[at - 3] === atomTag);
    const after = at + versionAtom.length;
    if (
      isAtom &&
      versionAtom.every((byte, i) => chunk[at + i] === byte) &&
      chunk[after] === smallIntegerTag
    ) {
      return chunk[after + 1];
    }
  }
  return undefined;
}

const atomTag = 100;
