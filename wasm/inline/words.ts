/**
 * The functions of SHA-256 on 32-bit words. [FIPS 180-4, section 4.1.2](https://doi.org/10.6028/NIST.FIPS.180-4)
 *
 * @module
 */

export function bigSigma0(x: u32): u32 {
  return rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22);
}

export function bigSigma1(x: u32): u32 {
  return rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25);
}

export function smallSigma0(x: u32): u32 {
  return rotr(x, 7) ^ rotr(x, 18) ^ (x >>> 3);
}

export function smallSigma1(x: u32): u32 {
  return rotr(x, 17) ^ rotr(x, 19) ^ (x >>> 10);
}

/** The bits of `ifSet` where `x` has a 1, of `ifClear` elsewhere. */
export function choose(x: u32, ifSet: u32, ifClear: u32): u32 {
  return ifClear ^ (x & (ifSet ^ ifClear));
}

/** The value that at least two have, bit by bit, from their differences: of the first two, and of the last two. */
export function majority(second: u32, firstDifference: u32, secondDifference: u32): u32 {
  return second ^ (firstDifference & secondDifference);
}
