/**
 * Verifier keys, `<name>+<key id>+<base64 of type and public key>`: what is given to whoever checks signatures.
 * [C2SP signed-note](https://c2sp.org/signed-note)
 *
 * @module
 */

import { assert } from "../assert.ts";
import { base64, unbase64 } from "../base64.ts";
import { LedgerError, quote } from "../errors.ts";
import type { SingleHasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { encodeUtf8 } from "../utf8.ts";

export interface VerifierKey {
  /** The origin of the log whose checkpoints the key signs. */
  readonly name: string;
  readonly keyId: number;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export const publicKeyBytes = 32;
/** Signature type of Ed25519. */
const ed25519Type = 1;

/** Returns the verifier key of an Ed25519 public key that signs under `name`. */
export function formatVerifierKey(name: string, publicKey: Uint8Array, hasher: SingleHasher): string {
  assert(isKeyName(name), "a key has a name that can be written into a note");
  const id = formatKeyId(keyIdOf(name, publicKey, hasher));
  return `${name}+${id}+${base64(typedKey(publicKey))}`;
}

/** Throws INVALID_ARGUMENT unless `text` is exactly what {@link formatVerifierKey} writes. */
export function parseVerifierKey(text: string, hasher: SingleHasher): VerifierKey {
  if (text.length > limits.verifierKeyBytesMax)
    throw invalidKey(text, `has ${text.length} characters, more than ${limits.verifierKeyBytesMax}`);
  const parts = text.split("+");
  const [name = "", id = ""] = parts;
  // The base64 of the key may have a plus, too.
  if (parts.length < 3) throw invalidKey(text, "is not <name>+<key id>+<key>");
  if (!isKeyName(name)) throw invalidKey(text, "has an empty name or one with spaces");
  if (!/^[0-9a-f]{8}$/.test(id))
    throw invalidKey(text, "has a key id that is not 8 lower-case hexadecimal digits");
  const typed = unbase64(parts.slice(2).join("+"));
  if (typed === undefined) throw invalidKey(text, "has a key that is not base64");
  if (typed[0] !== ed25519Type || typed.length !== 1 + publicKeyBytes)
    throw invalidKey(text, "is not of type 1 (Ed25519) with 32 bytes");
  const publicKey = typed.slice(1);
  const keyId = keyIdOf(name, publicKey, hasher);
  if (formatKeyId(keyId) !== id)
    throw invalidKey(text, `has key id ${id}, and its name and key give ${formatKeyId(keyId)}`);
  return { name, keyId, publicKey };
}

/** Returns the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key) as a number. */
export function keyIdOf(name: string, publicKey: Uint8Array, hasher: SingleHasher): number {
  assert(publicKey.length === publicKeyBytes, "an Ed25519 public key has 32 bytes");
  const nameLine = encodeUtf8(`${name}\n`);
  const named = new Uint8Array(nameLine.length + 1 + publicKey.length);
  named.set(nameLine);
  named.set(typedKey(publicKey), nameLine.length);
  return new DataView(hasher.sha256(named).buffer).getUint32(0);
}

/** Returns a key id as it stands in verifier keys. */
export function formatKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, "0");
}

/** Tells whether a note may have a signature under `name`. */
export function isKeyName(name: string): boolean {
  return name !== "" && name.isWellFormed() && !/[+\p{White_Space}\p{Cc}]/u.test(name);
}

function typedKey(publicKey: Uint8Array): Uint8Array {
  const typed = new Uint8Array(1 + publicKey.length);
  typed[0] = ed25519Type;
  typed.set(publicKey, 1);
  return typed;
}

function invalidKey(text: string, fault: string): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `verifier key ${quote(text)} ${fault}`, {
    reason: "VERIFIER_KEY_INVALID",
    field: "key",
    value: text.slice(0, 64),
    remedy: "copy the whole line that the signer's `converge-ledger key` prints",
  });
}
