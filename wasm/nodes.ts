/**
 * The hashes of tree nodes: SHA-256 of 0x01 and two hashes in the profile rfc6962, of two hashes in the profile
 * seed. Either way the message has two blocks, and what the rounds add for the second one is taken from a table.
 *
 * @module
 */

import { compress, compressSummed, expand } from "./compress";
import { compressLanes, expandLanes } from "./compress-lanes";
import { initial } from "./constants";
import { splat } from "./inline/lanes";
import { interleaveBlocks, interleaveSums, separateDigests } from "./interleave";
import { hashBytes } from "./memory";

export type Profile = i32;
export const seed: Profile = 0;
export const rfc6962: Profile = 1;

const nodeBytes: usize = 2 * hashBytes;

/** What the rounds add for the second block, which in the profile seed is padding only. */
const seedTail: usize = memory.data(64 * 4, 16);
/** The same four times, for the lanes. */
const seedTailVectors: usize = memory.data(64 * 16, 16);
/** The same in the profile rfc6962, by the one byte that is left for the second block. */
const rfc6962Tails: usize = memory.data(256 * 64 * 4, 16);

const words: usize = memory.data(64 * 4, 16);
const block: usize = memory.data(64, 16);
const state: usize = memory.data(8 * 4, 16);
const vectors: usize = memory.data(64 * 16, 16);
const sums: usize = memory.data(64 * 16, 16);
const stateVectors: usize = memory.data(8 * 16, 16);
let prepared = false;

/**
 * Writes the parents of `2 * count` packed hashes. They may be written over what they are made of, at the same
 * place or one hash further. The byte before `from` is read.
 */
export function parents(from: usize, to: usize, count: i32, profile: Profile): void {
  if (!prepared) prepare();
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      fourParents(from, to, profile);
      from += 4 * nodeBytes;
      to += 4 * hashBytes;
    }
  }
  for (; count > 0; count -= 1) {
    oneParent(from, to, profile);
    from += nodeBytes;
    to += hashBytes;
  }
}

/** Fills the tables. */
function prepare(): void {
  prepared = true;
  memory.fill(words, 0, 64);
  store<u32>(words, 0x80000000);
  store<u32>(words, 8 * 64, 60);
  expand(words, seedTail);
  if (ASC_FEATURE_SIMD) splat(seedTail, seedTailVectors, 64);
  for (let last: u32 = 0; last < 256; last += 1) {
    memory.fill(words, 0, 64);
    store<u32>(words, (last << 24) | 0x800000);
    store<u32>(words, 8 * 65, 60);
    expand(words, rfc6962Tails + 256 * last);
  }
}

function oneParent(from: usize, to: usize, profile: Profile): void {
  let tail = seedTail;
  let first = from;
  if (profile === rfc6962) {
    tail = tailOf(from);
    first = block;
    memory.copy(block + 1, from, 63);
    store<u8>(block, 1);
  }
  memory.copy(state, initial, 32);
  compress(state, first);
  compressSummed(state, tail);
  for (let i: usize = 0; i < 32; i += 4) store<u32>(to + i, bswap(load<u32>(state + i)));
}

function fourParents(from: usize, to: usize, profile: Profile): void {
  const shift: usize = profile === rfc6962 ? 1 : 0;
  const row = from - shift;
  interleaveBlocks(row, row + nodeBytes, row + 2 * nodeBytes, row + 3 * nodeBytes, vectors);
  if (profile === rfc6962)
    v128.store(
      vectors,
      v128.or(v128.and(v128.load(vectors), i32x4.splat(0x00ffffff)), i32x4.splat(0x01000000)),
    );
  expandLanes(vectors, sums);
  splat(initial, stateVectors, 8);
  compressLanes(stateVectors, sums);
  if (profile === rfc6962) {
    interleaveSums(
      tailOf(from),
      tailOf(from + nodeBytes),
      tailOf(from + 2 * nodeBytes),
      tailOf(from + 3 * nodeBytes),
      sums,
    );
    compressLanes(stateVectors, sums);
  } else compressLanes(stateVectors, seedTailVectors);
  separateDigests(stateVectors, to);
}

function tailOf(node: usize): usize {
  return rfc6962Tails + 256 * <usize>load<u8>(node, 63);
}
