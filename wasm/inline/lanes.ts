/**
 * The functions of `words.ts` on four words at once.
 *
 * JavaScriptCore moves the count of every vector shift into a register first, which costs as much as four
 * additions, so shifts are avoided where bytes can be moved or words doubled instead.
 *
 * @module
 */

export function add(x: v128, y: v128): v128 {
  return i32x4.add(x, y);
}

export function xor(x: v128, y: v128): v128 {
  return v128.xor(x, y);
}

export function bigSigma0(x: v128): v128 {
  return xor(xor(rotateRight(x, 2), rotateRight(x, 13)), rotateRight(x, 22));
}

export function bigSigma1(x: v128): v128 {
  return xor(xor(rotateRight(x, 6), rotateRight(x, 11)), rotateRight(x, 25));
}

export function smallSigma0(x: v128): v128 {
  // x >>> 3 ^ x >>> 18 = (x ^ x >>> 15) >>> 3, and a rotation by 7 is one by a byte and one back by a bit.
  return xor(
    xor(rotateLeftByOne(rotateRightByByte(x)), i32x4.shr_u(xor(x, i32x4.shr_u(x, 15)), 3)),
    i32x4.shl(x, 14),
  );
}

export function smallSigma1(x: v128): v128 {
  // x << 15 ^ x << 13 = (x ^ x << 2) << 13.
  const doubled = add(x, x);
  return xor(
    xor(i32x4.shr_u(x, 17), i32x4.shr_u(x, 19)),
    xor(i32x4.shr_u(x, 10), i32x4.shl(xor(x, add(doubled, doubled)), 13)),
  );
}

/** The bits of `ifSet` where `x` has a 1, of `ifClear` elsewhere. */
export function choose(x: v128, ifSet: v128, ifClear: v128): v128 {
  return v128.bitselect(ifSet, ifClear, x);
}

/** The value that at least two have, bit by bit, from their differences: of the first two, and of the last two. */
export function majority(second: v128, firstDifference: v128, secondDifference: v128): v128 {
  return xor(second, v128.and(firstDifference, secondDifference));
}

/** Reverses the bytes of each word. */
export function swapBytes(x: v128): v128 {
  return i8x16.shuffle(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

function rotateRight(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits));
}

function rotateRightByByte(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12));
}

function rotateLeftByOne(x: v128): v128 {
  return i32x4.sub(add(x, x), i32x4.lt_s(x, i32x4.splat(0)));
}

/** Writes each of `count` words four times. */
export function splat(from: usize, to: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i += 1) v128.store(to + 16 * i, v128.load32_splat(from + 4 * i));
}
