import type { Note } from "./signed-note.ts";
import { formatKeyId, type VerifierKey } from "./verifier-key.ts";
import { encodeUtf8 } from "../utf8.ts";

/** An Ed25519 signature that is to be verified. */
export interface SignatureToVerify {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly key: VerifierKey;
}

export interface MatchedSignatures {
  /** At least one. The note counts only if every one of them verifies. */
  readonly signatures: readonly SignatureToVerify[];
  /** Those by keys that were not given, as `<name>+<key id>`. Nothing is known about them, and they change nothing. */
  readonly unknown: readonly string[];
}

/**
 * Returns the signatures of a note that are to be verified with `keys`, or a sentence that says why the note does not
 * count: its signers are the keys whose name is `origin`, and one of them at least must be given.
 * [C2SP signed-note](https://c2sp.org/signed-note#signatures)
 */
export function matchKeys(
  note: Note,
  origin: string,
  keys: readonly VerifierKey[],
): MatchedSignatures | string {
  const own = keys.filter(({ name }) => name === origin);
  if (own.length === 0) {
    const names = [...new Set(keys.map(({ name }) => name))].join(", ");
    return `the checkpoint is of ${origin}, and ${names === "" ? "no key was given" : `the key is of ${names}`}`;
  }
  const message = encodeUtf8(note.text);
  const signatures: SignatureToVerify[] = [];
  const unknown: string[] = [];
  for (const { name, keyId, signature } of note.signatures) {
    const key = own.find((candidate) => candidate.name === name && candidate.keyId === keyId);
    if (key === undefined) unknown.push(`${name}+${formatKeyId(keyId)}`);
    else if (signatures.some((other) => other.key === key))
      return `${name}+${formatKeyId(keyId)} signed twice`;
    else signatures.push({ publicKey: key.publicKey, message, signature, key });
  }
  if (signatures.length > 0) return { signatures, unknown };
  return `the checkpoint is signed by ${unknown.join(", ")}, and no such key was given`;
}
