/**
 * The text of a node's key file: PEM blocks of private keys, newest first, then of the public keys whose private
 * halves were erased, newest first. The line before them is a checksum, because any 32 bytes are a key: a damaged one
 * would sign, and nobody could verify it. A file that was put together by hand may leave it out.
 *
 * @module
 */

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { hex } from "../core/hex.ts";
import { limits } from "../core/limits.ts";
import { publicKeyObject, rawPublicKey } from "./ed25519.ts";

export interface NodeKeySet {
  /** The keys that sign, newest first. At least one. */
  readonly active: readonly SigningKey[];
  /** Raw public keys that signed once, newest first. */
  readonly retired: readonly Uint8Array[];
}

export interface SigningKey {
  readonly privateKey: KeyObject;
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Thrown with a phrase that says what is wrong with the text. */
export class KeyTextError extends Error {
  override readonly name = "KeyTextError";
}

const checksum = /^# sha256 ([0-9a-f]{64})\n/;

export function signingKey(privateKey: KeyObject): SigningKey {
  return { privateKey, publicKey: rawPublicKey(privateKey) };
}

export function formatKeyText({ active, retired }: NodeKeySet): string {
  const privates = active.map(({ privateKey }) => privateKey.export({ format: "pem", type: "pkcs8" }));
  const publics = retired.map((key) => publicKeyObject(key).export({ format: "pem", type: "spki" }));
  const blocks = [...privates, ...publics].join("");
  return `# sha256 ${sha256(blocks)}\n${blocks}`;
}

/** Throws KeyTextError unless `text` holds keys, each once, and nothing else. */
export function parseKeyText(text: string): NodeKeySet {
  if (text.trim() === "") throw new KeyTextError("it is empty");
  const line = checksum.exec(text);
  const blocks = text.slice(line?.[0].length ?? 0);
  if (line !== null && sha256(blocks) !== line[1])
    throw new KeyTextError("its first line is not the checksum of the rest");
  const keys = parseBlocks(blocks);
  const active = keys.filter(({ type }) => type === "private").map(signingKey);
  const retired = keys.filter(({ type }) => type === "public").map(rawPublicKey);
  if (active.length === 0) throw new KeyTextError("it has no private key");
  if (active.length > limits.signingKeysMax)
    throw new KeyTextError(`it has ${active.length} private keys, more than ${limits.signingKeysMax}`);
  if (keys.slice(0, active.length).some(({ type }) => type !== "private"))
    throw new KeyTextError("a public key stands before a private one");
  const publicKeys = new Set([...active.map(({ publicKey }) => publicKey), ...retired].map(hex));
  if (publicKeys.size !== keys.length) throw new KeyTextError("it has a key twice");
  return { active, retired };
}

function parseBlocks(text: string): KeyObject[] {
  const block = /\s*(-----BEGIN (PRIVATE|PUBLIC) KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END \2 KEY-----)\s*/y;
  const keys: KeyObject[] = [];
  while (block.lastIndex < text.length) {
    const at = block.lastIndex;
    const [, pem, kind] = block.exec(text) ?? [];
    if (pem === undefined)
      throw new KeyTextError(
        `line ${text.slice(0, at).split("\n").length} does not begin a whole key in PEM`,
      );
    keys.push(parseBlock(pem, kind === "PRIVATE", keys.length + 1));
  }
  return keys;
}

function parseBlock(pem: string, isPrivate: boolean, ordinal: number): KeyObject {
  let key: KeyObject;
  try {
    key = isPrivate ? createPrivateKey(pem) : createPublicKey(pem);
  } catch (error) {
    throw new KeyTextError(`key ${ordinal} cannot be read`, { cause: error });
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new KeyTextError(`key ${ordinal} is of type ${key.asymmetricKeyType}, not Ed25519`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
