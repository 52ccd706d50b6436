/**
 * Ways in which a proof can be wrong.
 *
 * @module
 */

import type { Hash } from "../../../src/core/hasher.ts";

/** Numbers that are no index and no size. */
export const otherSizes = [-1, -(2 ** 53), 0.5, 2 ** 53, 2 ** 53 + 2, Infinity, -Infinity, Number.NaN];

/** Returns a copy for each bit of `hash` with that bit flipped. */
export function flippedBits(hash: Hash): Hash[] {
  return Array.from({ length: 8 * hash.length }, (_, bit) => {
    const flipped = hash.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return flipped;
  });
}

/** Returns the list with a hash dropped, added, swapped with its neighbour, cut or extended, wherever that is possible. */
export function otherHashLists(hashes: readonly Hash[], more: readonly Hash[]): Hash[][] {
  const added = [new Uint8Array(32), ...more, ...hashes.slice(0, 1)];
  return [
    ...hashes.map((_, at) => hashes.toSpliced(at, 1)),
    ...[...hashes, undefined].flatMap((_, at) => added.map((hash) => hashes.toSpliced(at, 0, hash))),
    ...hashes.slice(1).map((hash, at) => hashes.toSpliced(at, 2, hash, hashes[at] ?? hash)),
    ...hashes.map((hash, at) => hashes.with(at, hash.subarray(0, 31))),
    ...hashes.map((hash, at) => hashes.with(at, Buffer.concat([hash, new Uint8Array(1)]))),
    ...hashes.map((_, at) => hashes.with(at, new Uint8Array(0))),
    [...hashes, ...hashes, new Uint8Array(32)],
  ];
}
