/**
 * Ed25519 with raw 32-byte keys. [RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)
 *
 * @module
 */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { assert } from "../core/assert.ts";

const keyBytes = 32;
const signatureBytes = 64;
/** What stands before the seed in PKCS#8, and before the point in SPKI. [RFC 8410](https://www.rfc-editor.org/rfc/rfc8410) */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** Returns the signature of `message`, 64 bytes. */
export function signEd25519(privateKey: KeyObject, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(undefined, message, privateKey));
}

/** Tells whether `signature` is one of `message` by the holder of a raw public key. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== signatureBytes) return false;
  try {
    return verify(undefined, message, publicKeyObject(publicKey), signature);
  } catch {
    // Some bytes are no point of the curve; nobody signs with them.
    return false;
  }
}

/** Returns the private key of a raw seed. */
export function privateKeyOfSeed(seed: Uint8Array): KeyObject {
  assert(seed.length === keyBytes, "an Ed25519 seed has 32 bytes");
  const key = Buffer.concat([pkcs8Prefix, seed]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** Returns the raw public key of a private or public key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  assert(key.asymmetricKeyType === "ed25519", "the key is of Ed25519");
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const der = publicKey.export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-keyBytes));
}

/** Returns a raw public key as node:crypto wants it. */
export function publicKeyObject(publicKey: Uint8Array): KeyObject {
  assert(publicKey.length === keyBytes, "an Ed25519 public key has 32 bytes");
  const key = Buffer.concat([spkiPrefix, publicKey]);
  return createPublicKey({ key, format: "der", type: "spki" });
}
