/**
 * SHA-256 of many messages. They lie in the input one after the other; `bounds` says where each begins and ends.
 *
 * @module
 */

import { compress } from "./compress";
import { compressLanes, expandLanes } from "./compress-lanes";
import { initial } from "./constants";
import { interleaveBlocks } from "./interleave";
import { bounds, hashBytes, input, output } from "./memory";

const lanes: i32 = 4;
/** With less than this many messages in progress, one after the other is faster than all at once. */
const busyMin: i32 = 3;

/** For each lane: its message's next block, whole blocks left there, blocks left after those, the message. */
const laneBlock: usize = memory.data(lanes * 4, 16);
const laneWhole: usize = memory.data(lanes * 4, 16);
const laneLast: usize = memory.data(lanes * 4, 16);
const laneMessage: usize = memory.data(lanes * 4, 16);
/** For each lane: the last one or two blocks of its message, with the padding. */
const tailBytes: usize = 128;
const tails: usize = memory.data(lanes * 128, 16);

const vectors: usize = memory.data(64 * 16, 16);
const sums: usize = memory.data(64 * 16, 16);
const stateVectors: usize = memory.data(8 * 16, 16);
const state: usize = memory.data(8 * 4, 16);

/** Writes the digests of the first `count` messages to the output. */
export function digests(count: i32): void {
  let next = 0;
  if (ASC_FEATURE_SIMD) next = digestsInLanes(count);
  for (; next < count; next += 1) {
    begin(0, next);
    memory.copy(state, initial, hashBytes);
    finish(0);
  }
}

/** Returns how many messages it has begun; all of those are done. */
function digestsInLanes(count: i32): i32 {
  let next = 0;
  if (count < busyMin) return next;
  let busy = 0;
  for (let lane = 0; lane < lanes; lane += 1) {
    if (next < count) {
      beginInLane(lane, next);
      next += 1;
      busy += 1;
    } else store<i32>(laneMessage + 4 * lane, -1);
  }
  while (busy >= busyMin) {
    const block0 = takeBlock(0);
    const block1 = takeBlock(1);
    const block2 = takeBlock(2);
    interleaveBlocks(block0, block1, block2, takeBlock(3), vectors);
    expandLanes(vectors, sums);
    compressLanes(stateVectors, sums);
    for (let lane = 0; lane < lanes; lane += 1) {
      if (load<i32>(laneMessage + 4 * lane) < 0 || blocksLeft(lane) > 0) continue;
      writeDigest(stateVectors + 4 * lane, 16, load<i32>(laneMessage + 4 * lane));
      if (next < count) {
        beginInLane(lane, next);
        next += 1;
      } else {
        store<i32>(laneMessage + 4 * lane, -1);
        busy -= 1;
      }
    }
  }
  for (let lane = 0; lane < lanes; lane += 1) {
    if (load<i32>(laneMessage + 4 * lane) < 0) continue;
    for (let i: usize = 0; i < 8; i += 1)
      store<u32>(state + 4 * i, load<u32>(stateVectors + 16 * i + 4 * lane));
    finish(lane);
  }
  return next;
}

function beginInLane(lane: i32, message: i32): void {
  begin(lane, message);
  for (let i: usize = 0; i < 8; i += 1)
    store<u32>(stateVectors + 16 * i + 4 * lane, load<u32>(initial + 4 * i));
}

/** Gives a message to a lane and writes its tail: what is left after whole blocks, 0x80, zeros, its length in bits. */
function begin(lane: i32, message: i32): void {
  const from = load<u32>(bounds + 4 * message);
  const length = load<u32>(bounds + 4 * message, 4) - from;
  const whole = length >>> 6;
  const rest = length & 63;
  const last = rest < 56 ? 1 : 2;
  const tail = tails + tailBytes * lane;
  memory.fill(tail, 0, 64 * last);
  memory.copy(tail, input + from + 64 * whole, rest);
  store<u8>(tail + rest, 0x80);
  store<u64>(tail + 64 * last - 8, bswap((<u64>length) << 3));
  store<usize>(laneBlock + 4 * lane, whole > 0 ? input + from : tail);
  store<i32>(laneWhole + 4 * lane, whole);
  store<i32>(laneLast + 4 * lane, last);
  store<i32>(laneMessage + 4 * lane, message);
}

/** Returns the next block of a lane; for a lane without a message, any block. */
function takeBlock(lane: i32): usize {
  const block = load<usize>(laneBlock + 4 * lane);
  const whole = load<i32>(laneWhole + 4 * lane);
  if (blocksLeft(lane) === 0) return tails;
  if (whole > 0) {
    store<i32>(laneWhole + 4 * lane, whole - 1);
    store<usize>(laneBlock + 4 * lane, whole > 1 ? block + 64 : tails + tailBytes * lane);
  } else {
    store<i32>(laneLast + 4 * lane, load<i32>(laneLast + 4 * lane) - 1);
    store<usize>(laneBlock + 4 * lane, block + 64);
  }
  return block;
}

function blocksLeft(lane: i32): i32 {
  return load<i32>(laneWhole + 4 * lane) + load<i32>(laneLast + 4 * lane);
}

/** Takes what is left of a lane's message into the state. */
function finish(lane: i32): void {
  while (blocksLeft(lane) > 0) compress(state, takeBlock(lane));
  writeDigest(state, 4, load<i32>(laneMessage + 4 * lane));
}

function writeDigest(words: usize, step: usize, message: i32): void {
  const to = output + hashBytes * message;
  for (let i: usize = 0; i < 8; i += 1) store<u32>(to + 4 * i, bswap(load<u32>(words + step * i)));
}
