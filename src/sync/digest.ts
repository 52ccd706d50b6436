import { hashBytes, type SingleHasher } from "../core/hasher.ts";
import type { Epoch } from "../core/epoch.ts";
import { encodeUtf8 } from "../core/utf8.ts";
import type { Position } from "./peer-messages.ts";

/** Buckets that contexts fall into by the first byte of the hash of their id. */
export const bucketCount = 256;

/**
 * Returns what a context adds to a digest: SHA-256(u32 length of context id ‖ context id ‖ u64 committed ‖ u64 latest ‖ root
 * of all entries ‖ u64 counter of the accepted epoch ‖ its node id). So entries that are not committed yet make a difference
 * too, and so does a writer of whom one has not heard: it may have come with other holders.
 */
export function digestItem(
  contextId: string,
  { committed, latest, root, accepted }: Position & { readonly committed: number; readonly accepted: Epoch },
  hasher: SingleHasher,
): Uint8Array {
  const id = encodeUtf8(contextId);
  const nodeId = encodeUtf8(accepted.nodeId);
  const message = new Uint8Array(4 + id.length + 16 + hashBytes + 8 + nodeId.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, id.length);
  message.set(id, 4);
  const at = 4 + id.length;
  view.setBigUint64(at, BigInt(committed));
  view.setBigUint64(at + 8, BigInt(latest));
  message.set(root, at + 16);
  view.setBigUint64(at + 16 + hashBytes, BigInt(accepted.counter));
  message.set(nodeId, at + 24 + hashBytes);
  return hasher.sha256(message);
}

/** Returns the bucket of a context. */
export function bucketOf(contextId: string, hasher: SingleHasher): number {
  return hasher.sha256(encodeUtf8(contextId))[0] ?? 0;
}

/**
 * Sums of the items of many contexts, modulo 2^256 a bucket: what two nodes have in common is equal if the sums are, in
 * whatever order contexts came and changed.
 */
export class Digest {
  readonly #sums = new BigUint64Array(bucketCount * wordsPerSum);

  add(bucket: number, item: Uint8Array): void {
    this.#change(bucket, item, 1n);
  }

  /** Takes out what was added. */
  subtract(bucket: number, item: Uint8Array): void {
    this.#change(bucket, item, -1n);
  }

  /** Returns the sums of all buckets, packed, 32 bytes each. */
  sums(): Uint8Array {
    return new Uint8Array(this.#sums.buffer.slice(0));
  }

  /** Returns the hash of all sums. */
  all(hasher: SingleHasher): Uint8Array {
    return hasher.sha256(this.sums());
  }

  #change(bucket: number, item: Uint8Array, sign: 1n | -1n): void {
    const view = new DataView(item.buffer, item.byteOffset);
    let carry = 0n;
    for (let word = 0; word < wordsPerSum; word += 1) {
      const at = bucket * wordsPerSum + word;
      const next = (this.#sums[at] ?? 0n) + sign * view.getBigUint64(8 * word, true) + carry;
      this.#sums[at] = BigInt.asUintN(64, next);
      carry = next >> 64n;
    }
  }
}

const wordsPerSum = 4;

/** Returns the buckets in which two packed lists of sums differ. */
export function differingBuckets(own: Uint8Array, other: Uint8Array): number[] {
  const differing: number[] = [];
  for (let bucket = 0; bucket < bucketCount; bucket += 1) {
    const at = bucket * hashBytes;
    for (let byte = at; byte < at + hashBytes; byte += 1) {
      if (own[byte] === other[byte]) continue;
      differing.push(bucket);
      break;
    }
  }
  return differing;
}
