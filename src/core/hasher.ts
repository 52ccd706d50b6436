import type { Frontier } from "./merkle/frontier.ts";
import type { ProfileName } from "./merkle/tree-profile.ts";

/** A 32-byte SHA-256 digest. */
export type Hash = Uint8Array;

export const hashBytes = 32;

/** SHA-256 (FIPS 180-4) of one message. Not reentrant. */
export interface SingleHasher {
  /** Returns the digest of `bytes` in a fresh array. */
  sha256(bytes: Uint8Array): Hash;
  /** Begins a digest over bytes that come in pieces. */
  stream(): HashStream;
}

/**
 * SHA-256 as the core needs it: one message, many, and the nodes of trees. Hashes that belong together are
 * packed, 32 bytes each. Implementations are in `src/hash`; `core/merkle/batch-hashing.ts` makes one of a
 * SingleHasher. Results are fresh arrays; inputs of any length are taken, in bounded memory beside the result.
 */
export interface Hasher extends SingleHasher {
  /** Returns the packed digests of `messages`, in their order. */
  sha256Many(messages: readonly Uint8Array[]): Uint8Array;
  /**
   * Returns the packed parents of the packed nodes of one level. A last node without a sibling has no
   * parent here: what becomes of it is the business of the tree's edge.
   */
  parents(level: Uint8Array, profile: ProfileName): Uint8Array;
  /**
   * Returns all complete nodes above packed `leaves`, level by level: their parents, the parents of those,
   * and so on, until a level has less than two nodes.
   */
  pyramid(leaves: Uint8Array, profile: ProfileName): Uint8Array;
  /** Returns the frontier after packed `leaves` more. Cost: one node per leaf. */
  extend(frontier: Frontier, leaves: Uint8Array, profile: ProfileName): Frontier;
}

/** One digest in progress. Memory does not grow with the input. */
export interface HashStream {
  update(bytes: Uint8Array): void;
  /** Ends the stream; neither method may be called afterwards. */
  digest(): Hash;
}
