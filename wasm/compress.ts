/**
 * The compression function on one block. [FIPS 180-4, section 6.2.2](https://doi.org/10.6028/NIST.FIPS.180-4)
 *
 * Each pass of the loop has 8 rounds, so that the eight words of the state change roles instead of places.
 * All 64 written out are slower in JavaScriptCore, whose optimising tier does not take functions of that size well.
 *
 * @module
 */

import { roundWords } from "./constants";
import { bigSigma0, bigSigma1, choose, majority, smallSigma0, smallSigma1 } from "./inline/words";

const words: usize = memory.data(64 * 4, 16);
const summed: usize = memory.data(64 * 4, 16);

/** Takes the 64 bytes at `block` into the state. */
export function compress(state: usize, block: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(words + i, bswap(load<u32>(block + i)));
  expand(words, summed);
  compressSummed(state, summed);
}

/** Makes the 64 words of a block's schedule of its sixteen, and what the rounds add: those plus the constants. */
export function expand(schedule: usize, sums: usize): void {
  for (let i: usize = 0; i < 64; i += 4)
    store<u32>(sums + i, load<u32>(schedule + i) + load<u32>(roundWords + i));
  for (let i: usize = 64; i < 256; i += 4) {
    const at = schedule + i - 64;
    const word =
      load<u32>(at) +
      smallSigma0(load<u32>(at, 4)) +
      load<u32>(at, 4 * 9) +
      smallSigma1(load<u32>(at, 4 * 14));
    store<u32>(at, word, 64);
    store<u32>(sums + i, word + load<u32>(roundWords + i));
  }
}

/** Runs the rounds with what `expand` made of a block. */
export function compressSummed(state: usize, sums: usize): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  let t: u32;
  let ab: u32;
  let bc = b ^ c;
  for (let at = sums; at < sums + 256; at += 4 * 8) {
    t = h + load<u32>(at, 0) + choose(e, f, g) + bigSigma1(e);
    ab = a ^ b;
    d += t;
    h = t + majority(b, ab, bc) + bigSigma0(a);
    bc = ab;
    t = g + load<u32>(at, 4) + choose(d, e, f) + bigSigma1(d);
    ab = h ^ a;
    c += t;
    g = t + majority(a, ab, bc) + bigSigma0(h);
    bc = ab;
    t = f + load<u32>(at, 8) + choose(c, d, e) + bigSigma1(c);
    ab = g ^ h;
    b += t;
    f = t + majority(h, ab, bc) + bigSigma0(g);
    bc = ab;
    t = e + load<u32>(at, 12) + choose(b, c, d) + bigSigma1(b);
    ab = f ^ g;
    a += t;
    e = t + majority(g, ab, bc) + bigSigma0(f);
    bc = ab;
    t = d + load<u32>(at, 16) + choose(a, b, c) + bigSigma1(a);
    ab = e ^ f;
    h += t;
    d = t + majority(f, ab, bc) + bigSigma0(e);
    bc = ab;
    t = c + load<u32>(at, 20) + choose(h, a, b) + bigSigma1(h);
    ab = d ^ e;
    g += t;
    c = t + majority(e, ab, bc) + bigSigma0(d);
    bc = ab;
    t = b + load<u32>(at, 24) + choose(g, h, a) + bigSigma1(g);
    ab = c ^ d;
    f += t;
    b = t + majority(d, ab, bc) + bigSigma0(c);
    bc = ab;
    t = a + load<u32>(at, 28) + choose(f, g, h) + bigSigma1(f);
    ab = b ^ c;
    e += t;
    a = t + majority(c, ab, bc) + bigSigma0(b);
    bc = ab;
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
  store<u32>(state, load<u32>(state, 20) + f, 20);
  store<u32>(state, load<u32>(state, 24) + g, 24);
  store<u32>(state, load<u32>(state, 28) + h, 28);
}
