import { createCipheriv, createDecipheriv } from "node:crypto";

import { assert } from "../../core/assert.ts";
import type { Cipher } from "../../swim/cipher.ts";

/** AES-GCM of the runtime. */
export const nodeCipher: Cipher = {
  seal(key, nonce, plain, additional) {
    const cipher = createCipheriv(algorithmOf(key), key, nonce);
    if (additional.length > 0) cipher.setAAD(additional);
    const sealed = new Uint8Array(plain.length + tagBytes);
    sealed.set(cipher.update(plain));
    const rest = cipher.final();
    assert(rest.length === 0, "GCM gives out every byte at once");
    sealed.set(cipher.getAuthTag(), plain.length);
    return sealed;
  },

  open(key, nonce, sealed, additional) {
    const plainBytes = sealed.length - tagBytes;
    if (plainBytes < 0) return undefined;
    const decipher = createDecipheriv(algorithmOf(key), key, nonce, { authTagLength: tagBytes });
    if (additional.length > 0) decipher.setAAD(additional);
    decipher.setAuthTag(sealed.subarray(plainBytes));
    const plain = decipher.update(sealed.subarray(0, plainBytes));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plain;
  },
};

const tagBytes = 16;

function algorithmOf(key: Uint8Array): "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" {
  assert(key.length === 16 || key.length === 24 || key.length === 32, "a key is 16, 24 or 32 bytes");
  return key.length === 16 ? "aes-128-gcm" : key.length === 24 ? "aes-192-gcm" : "aes-256-gcm";
}
