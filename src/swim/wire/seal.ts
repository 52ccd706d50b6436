import type { Cipher } from "../cipher.ts";
import type { SwimRandom } from "../random.ts";
import type { Keyring } from "./keyring.ts";

const versionBytes = 1;
const nonceBytes = 12;
const tagBytes = 16;
const blockBytes = 16;

/** Bytes that sealing adds: version, nonce and tag. */
export const sealOverhead = versionBytes + nonceBytes + tagBytes;

/**
 * Writes `plain`, sealed with `key`, at `offset` of `target`, which has room for {@link sealOverhead} more bytes. The
 * form is version 1, without padding. `additional` is what the opener must know too.
 */
export function sealInto(
  target: Uint8Array,
  offset: number,
  plain: Uint8Array,
  { key, additional, cipher, random }: Sealing,
): void {
  const afterVersion = offset + versionBytes;
  const nonce = target.subarray(afterVersion, afterVersion + nonceBytes);
  target[offset] = 1;
  random.fill(nonce);
  target.set(cipher.seal(key, nonce, plain, additional), afterVersion + nonceBytes);
}

export interface Sealing {
  readonly key: Uint8Array;
  readonly additional: Uint8Array;
  readonly cipher: Cipher;
  readonly random: SwimRandom;
}

/** Returns what is in `sealed`, of version 0 or 1; undefined if no key of `keyring` opens it. */
export function open(
  sealed: Uint8Array,
  additional: Uint8Array,
  { keys }: Keyring,
  cipher: Cipher,
): Uint8Array | undefined {
  const version = sealed[0];
  if (sealed.length < sealOverhead || (version !== 0 && version !== 1)) return undefined;
  const nonce = sealed.subarray(versionBytes, versionBytes + nonceBytes);
  const body = sealed.subarray(versionBytes + nonceBytes);
  for (const key of keys) {
    const plain = cipher.open(key, nonce, body, additional);
    if (plain !== undefined) return version === 1 ? plain : unpadded(plain);
  }
  return undefined;
}

/** Returns `plain` without its padding, [PKCS #7](https://www.rfc-editor.org/rfc/rfc5652#section-6.3); undefined if that is none. */
function unpadded(plain: Uint8Array): Uint8Array | undefined {
  const padding = plain[plain.length - 1] ?? 0;
  if (plain.length % blockBytes !== 0 || padding < 1 || padding > blockBytes) return undefined;
  const length = plain.length - padding;
  return plain.subarray(length).every((byte) => byte === padding) ? plain.subarray(0, length) : undefined;
}
