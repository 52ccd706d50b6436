/**
 * What a client knows of a context without trusting anybody: the frontier of its tree, grown entry by entry from
 * contents that were hashed here.
 *
 * @module
 */

import { contentHash, sortMetadata } from "../core/entry.ts";
import { type Hash, hashBytes, type Hasher } from "../core/hasher.ts";
import { emptyFrontier, type Frontier, frontierRoot, oneBits } from "../core/merkle/frontier.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import type { Entry } from "../gen/converge/context/v1/context_pb.ts";
import { VerificationError } from "./verification-error.ts";

export class VerifiedHistory {
  readonly #contextId: string;
  readonly #hasher: Hasher;
  #frontier: Frontier;

  /** `frontier` is one that was verified before; none for a history from its first entry on. */
  constructor(contextId: string, hasher: Hasher, frontier: Frontier = emptyFrontier) {
    this.#contextId = contextId;
    this.#hasher = hasher;
    this.#frontier = frontier;
  }

  /** How many entries were verified, and what it takes to go on after them. */
  get frontier(): Frontier {
    return this.#frontier;
  }

  get root(): Hash {
    return frontierRoot(this.#frontier, "rfc6962", this.#hasher);
  }

  /** Takes the next entry. Throws VerificationError, having taken nothing. */
  add(entry: Entry, root?: Uint8Array): void {
    const sequence = BigInt(this.#frontier.size) + 1n;
    if (entry.sequence !== sequence) {
      const what = `expected entry ${sequence}, but ${entry.sequence} arrived`;
      throw new VerificationError("out-of-order", what, entry.sequence);
    }
    const next = this.#hasher.extend(
      this.#frontier,
      verifiedHash(this.#contextId, entry, this.#hasher),
      "rfc6962",
    );
    this.#advance(next, root, sequence);
  }

  /** Takes the hashes of entries that are not sent. Throws VerificationError, having taken nothing. */
  skip(hashes: Uint8Array, through: bigint, root: Uint8Array): void {
    const next = this.#hasher.extend(this.#frontier, hashes, "rfc6962");
    if (hashes.length % hashBytes !== 0 || BigInt(next.size) !== through) {
      const what = `${hashes.length} bytes of hashes do not lead from entry ${this.#frontier.size} to ${through}`;
      throw new VerificationError("out-of-order", what, through);
    }
    this.#advance(next, root, through);
  }

  /** Forgets what was taken since the history had this frontier. */
  rewind(frontier: Frontier): void {
    this.#frontier = frontier;
  }

  /** Throws VerificationError unless `frontier` is the one that was verified here. */
  match(frontier: Frontier): void {
    if (frontier.size === this.#frontier.size && sameBytes(frontier.subtrees, this.#frontier.subtrees))
      return;
    throw new VerificationError(
      "history-replaced",
      `the ${frontier.size} entries before the cursor are not the ${this.#frontier.size} that were verified`,
    );
  }

  #advance(next: Frontier, root: Uint8Array | undefined, sequence: bigint): void {
    if (root !== undefined && !sameBytes(root, frontierRoot(next, "rfc6962", this.#hasher)))
      throw new VerificationError(
        "root-differs",
        `the root at entry ${sequence} is not that of the entries`,
        sequence,
      );
    this.#frontier = next;
  }
}

/** Returns the content hash of an entry, computed from its fields. Throws VerificationError if it came with another. */
export function verifiedHash(contextId: string, entry: Entry, hasher: Hasher): Hash {
  const { id, key, payload, appendedAtNs, lamport, sequence } = entry;
  const metadata = sortMetadata(Object.entries(entry.metadata));
  const fields = { id, key, payload, sequence: Number(sequence), appendedAtNs, metadata, lamport };
  const hash = contentHash(contextId, fields, hasher);
  if (sameBytes(hash, entry.contentHash)) return hash;
  throw new VerificationError(
    "entry-changed",
    `entry ${sequence} does not have the hash it came with`,
    sequence,
  );
}

/** Returns a frontier as the server sends it. Throws VerificationError if it is none. */
export function receivedFrontier(message: { size: bigint; subtrees: readonly Uint8Array[] }): Frontier {
  const size = Number(message.size);
  const isWhole =
    Number.isSafeInteger(size) &&
    message.subtrees.length === oneBits(size) &&
    message.subtrees.every(({ length }) => length === hashBytes);
  if (!isWhole)
    throw new VerificationError("proof-invalid", `what came as the frontier of ${size} entries is none`);
  const subtrees = new Uint8Array(hashBytes * message.subtrees.length);
  for (const [i, subtree] of message.subtrees.entries()) subtrees.set(subtree, hashBytes * i);
  return { size, subtrees };
}
