/**
 * The compression function on four blocks at once, one in each lane: the same steps as `compress.ts`.
 *
 * The words of the four are interleaved: a vector holds the same word of each. Constants are vectors in memory.
 *
 * @module
 */

import { roundWords } from "./constants";
import {
  add,
  bigSigma0,
  bigSigma1,
  choose,
  majority,
  smallSigma0,
  smallSigma1,
  splat,
  xor,
} from "./inline/lanes";

/** The words of the rounds, each four times. */
const roundVectors: usize = memory.data(64 * 16, 16);
if (ASC_FEATURE_SIMD) splat(roundWords, roundVectors, 64);

/** Makes the 64 vectors of the schedules of their sixteen, and what the rounds add: those plus the constants. */
export function expandLanes(schedule: usize, sums: usize): void {
  for (let i: usize = 0; i < 256; i += 16)
    v128.store(sums + i, add(v128.load(schedule + i), v128.load(roundVectors + i)));
  const offset = sums - schedule;
  const constants = roundVectors - schedule;
  for (let at = schedule; at < schedule + 768; at += 16) {
    const word = add(
      add(v128.load(at), smallSigma0(v128.load(at, 16))),
      add(v128.load(at, 16 * 9), smallSigma1(v128.load(at, 16 * 14))),
    );
    v128.store(at, word, 256);
    v128.store(at + offset, add(word, v128.load(at + constants, 256)), 256);
  }
}

/** Runs the rounds with what `expandLanes` made of four blocks. */
export function compressLanes(state: usize, sums: usize): void {
  let a = v128.load(state);
  let b = v128.load(state, 16);
  let c = v128.load(state, 32);
  let d = v128.load(state, 48);
  let e = v128.load(state, 64);
  let f = v128.load(state, 80);
  let g = v128.load(state, 96);
  let h = v128.load(state, 112);
  let t: v128;
  let ab: v128;
  let bc = xor(b, c);
  for (let at = sums; at < sums + 1024; at += 16 * 8) {
    t = add(add(add(h, v128.load(at, 0)), choose(e, f, g)), bigSigma1(e));
    ab = xor(a, b);
    d = add(d, t);
    h = add(add(t, majority(b, ab, bc)), bigSigma0(a));
    bc = ab;
    t = add(add(add(g, v128.load(at, 16)), choose(d, e, f)), bigSigma1(d));
    ab = xor(h, a);
    c = add(c, t);
    g = add(add(t, majority(a, ab, bc)), bigSigma0(h));
    bc = ab;
    t = add(add(add(f, v128.load(at, 32)), choose(c, d, e)), bigSigma1(c));
    ab = xor(g, h);
    b = add(b, t);
    f = add(add(t, majority(h, ab, bc)), bigSigma0(g));
    bc = ab;
    t = add(add(add(e, v128.load(at, 48)), choose(b, c, d)), bigSigma1(b));
    ab = xor(f, g);
    a = add(a, t);
    e = add(add(t, majority(g, ab, bc)), bigSigma0(f));
    bc = ab;
    t = add(add(add(d, v128.load(at, 64)), choose(a, b, c)), bigSigma1(a));
    ab = xor(e, f);
    h = add(h, t);
    d = add(add(t, majority(f, ab, bc)), bigSigma0(e));
    bc = ab;
    t = add(add(add(c, v128.load(at, 80)), choose(h, a, b)), bigSigma1(h));
    ab = xor(d, e);
    g = add(g, t);
    c = add(add(t, majority(e, ab, bc)), bigSigma0(d));
    bc = ab;
    t = add(add(add(b, v128.load(at, 96)), choose(g, h, a)), bigSigma1(g));
    ab = xor(c, d);
    f = add(f, t);
    b = add(add(t, majority(d, ab, bc)), bigSigma0(c));
    bc = ab;
    t = add(add(add(a, v128.load(at, 112)), choose(f, g, h)), bigSigma1(f));
    ab = xor(b, c);
    e = add(e, t);
    a = add(add(t, majority(c, ab, bc)), bigSigma0(b));
    bc = ab;
  }
  v128.store(state, add(v128.load(state), a));
  v128.store(state, add(v128.load(state, 16), b), 16);
  v128.store(state, add(v128.load(state, 32), c), 32);
  v128.store(state, add(v128.load(state, 48), d), 48);
  v128.store(state, add(v128.load(state, 64), e), 64);
  v128.store(state, add(v128.load(state, 80), f), 80);
  v128.store(state, add(v128.load(state, 96), g), 96);
  v128.store(state, add(v128.load(state, 112), h), 112);
}
