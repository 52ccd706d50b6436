import { assert } from "../assert.ts";
import type { Hasher } from "../hasher.ts";
import { damagedSnapshot } from "./snapshot-error.ts";

/** Remembers the ids of a snapshot's entries, so that none comes twice. */
export interface SeenIds {
  /** Returns false if these UTF-8 bytes were added before. */
  add(id: Uint8Array): boolean;
}

/**
 * Returns a set that takes 27 to 53 bytes of memory per id, half as much again while it grows, and
 * bounded time per id whatever the ids are. Ids of 32 lower-case hexadecimal digits are held as
 * their 128 bits, others as the first 128 bits of their SHA-256.
 */
export function createSeenIds(hasher: Hasher): SeenIds {
  let slots: Uint32Array = new Uint32Array(slotWords * 1024);
  let count = 0;
  let hasZeros = false;
  const id = new Uint32Array(slotWords);
  return { add };

  function add(bytes: Uint8Array): boolean {
    if (!parseHexId(bytes, id)) {
      const digest = hasher.sha256(bytes);
      const view = new DataView(digest.buffer, digest.byteOffset);
      for (let i = 0; i < slotWords; i += 1) id[i] = view.getUint32(4 * i);
    }
    if (id.every((word) => word === 0)) {
      // All zeros marks a free slot.
      const isNew = !hasZeros;
      hasZeros = true;
      return isNew;
    }
    if (!insert(slots, id, 0)) return false;
    count += 1;
    if (count * slotWords > slots.length * loadMax) slots = grown(slots);
    return true;
  }
}

const slotWords = 4;
const loadMax = 0.6;
/**
 * With ids that were not chosen to collide the longest probe in a table this full is about nine times
 * the natural logarithm of its size, some 200 for 2^32 ids. Only a forger can reach this.
 */
const probesMax = 1024;

/** Puts an id into a table with free slots; returns false if it is there already. */
function insert(slots: Uint32Array, source: Uint32Array, at: number): boolean {
  const a = source[at] ?? 0;
  const b = source[at + 1] ?? 0;
  const c = source[at + 2] ?? 0;
  const d = source[at + 3] ?? 0;
  const mask = slots.length / slotWords - 1;
  let slot = mix(a, b, c, d) & mask;
  for (let probes = 0; probes < probesMax; probes += 1) {
    const i = slotWords * slot;
    const first = slots[i];
    const second = slots[i + 1];
    const third = slots[i + 2];
    const fourth = slots[i + 3];
    if (first === a && second === b && third === c && fourth === d) return false;
    if (first === 0 && second === 0 && third === 0 && fourth === 0) {
      slots.set(source.subarray(at, at + slotWords), i);
      return true;
    }
    slot = (slot + 1) & mask;
  }
  throw damagedSnapshot("the ids of its entries were made to collide");
}

function grown(slots: Uint32Array): Uint32Array {
  const larger = new Uint32Array(slots.length * 2);
  for (let i = 0; i < slots.length; i += slotWords) {
    if ((slots[i] ?? 0) === 0 && slots[i + 1] === 0 && slots[i + 2] === 0 && slots[i + 3] === 0) continue;
    const isNew = insert(larger, slots, i);
    assert(isNew, "a table holds every id once");
  }
  return larger;
}

/** Spreads the bits of an id over 32, with the finalizer of MurmurHash3. */
function mix(a: number, b: number, c: number, d: number): number {
  let bits = a;
  for (const word of [b, c, d]) {
    bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35) ^ word;
  }
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  return bits ^ (bits >>> 16);
}

function parseHexId(bytes: Uint8Array, words: Uint32Array): boolean {
  if (bytes.length !== 32) return false;
  for (let i = 0; i < slotWords; i += 1) {
    let word = 0;
    for (let j = 8 * i; j < 8 * i + 8; j += 1) {
      const digit = hexDigit(bytes[j] ?? 0);
      if (digit < 0) return false;
      word = (word << 4) | digit;
    }
    words[i] = word;
  }
  return true;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
}
