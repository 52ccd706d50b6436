/** AES-GCM with a 16-byte tag. Implementations are synchronous and keep nothing of their arguments. */
export interface Cipher {
  /** `key` is 16, 24 or 32 bytes, `nonce` 12. Returns the ciphertext and its tag. */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, additional: Uint8Array): Uint8Array;
  /** Returns the plain bytes; undefined if `sealed` was not sealed with this key, nonce and additional data. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    additional: Uint8Array,
  ): Uint8Array | undefined;
}
