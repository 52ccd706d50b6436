/** A 32-byte SHA-256 digest. */
export type Hash = Uint8Array;

/** SHA-256 (FIPS 180-4) as the core needs it; implementations are in `src/hash`. Not reentrant. */
export interface Hasher {
  /** Returns the digest of `bytes` in a fresh array. */
  sha256(bytes: Uint8Array): Hash;
  /** Begins a digest over bytes that come in pieces. */
  stream(): HashStream;
}

/** One digest in progress. Memory does not grow with the input. */
export interface HashStream {
  update(bytes: Uint8Array): void;
  /** Ends the stream; neither method may be called afterwards. */
  digest(): Hash;
}
