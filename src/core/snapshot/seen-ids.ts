import { assert } from "../assert.ts";
import type { Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { damagedSnapshot } from "./snapshot-error.ts";

/** Remembers the ids of a snapshot's entries, so that none comes twice. */
export interface SeenIds {
  /** Returns false if these UTF-8 bytes, `bytes` from `start` to `end`, are known to have been added before. */
  add(bytes: Uint8Array, start: number, end: number): boolean;
  /** False if an id was added that is not remembered, for want of room. */
  readonly isComplete: boolean;
}

/**
 * Returns a set of at most `idsMax` ids that takes 27 to 64 bytes of memory per id, and bounded time per
 * id whatever the ids are. Ids of 32 lower-case hexadecimal digits are held as their 128 bits, others as
 * the first 128 bits of their SHA-256.
 */
export function createSeenIds(hasher: Hasher, idsMax: number = limits.snapshotIdsInMemoryMax): SeenIds {
  // Many small tables, because one of them grows within a turn of the event loop.
  const tables = Array.from({ length: tablesCount }, (): Table => ({ slots: new Uint32Array(0), count: 0 }));
  let left = idsMax;
  let isComplete = true;
  let hasZeros = false;
  const id = new Uint32Array(slotWords);
  return {
    add,
    get isComplete() {
      return isComplete;
    },
  };

  function add(bytes: Uint8Array, start: number, end: number): boolean {
    if (left === 0) {
      isComplete = false;
      return true;
    }
    if (!parseHexId(bytes, start, end, id)) {
      const digest = hasher.sha256(bytes.subarray(start, end));
      const view = new DataView(digest.buffer, digest.byteOffset);
      for (let i = 0; i < slotWords; i += 1) id[i] = view.getUint32(4 * i);
    }
    if (id[0] === 0 && id[1] === 0 && id[2] === 0 && id[3] === 0) {
      // All zeros marks a free slot.
      const isNew = !hasZeros;
      hasZeros = true;
      return isNew;
    }
    const hash = hashOf(id, 0);
    const table = tables[hash >>> (32 - tablesBits)];
    assert(table !== undefined, "the first bits of a hash choose a table");
    if ((table.count + 1) * slotWords > table.slots.length * loadMax) table.slots = grown(table.slots);
    if (!insert(table.slots, hash, id, 0)) return false;
    table.count += 1;
    left -= 1;
    return true;
  }
}

interface Table {
  slots: Uint32Array;
  count: number;
}

const tablesBits = 8;
const tablesCount = 2 ** tablesBits;
const slotWords = 4;
const slotsMin = 16;
const loadMax = 0.6;
/**
 * With ids that were not chosen to collide the longest probe in a table this full is about nine times
 * the natural logarithm of its size, some 200 for 2^32 ids. Only a forger can reach this.
 */
const probesMax = 1024;

/** Puts an id into a table with free slots; returns false if it is there already. */
function insert(slots: Uint32Array, hash: number, source: Uint32Array, at: number): boolean {
  const a = source[at] ?? 0;
  const b = source[at + 1] ?? 0;
  const c = source[at + 2] ?? 0;
  const d = source[at + 3] ?? 0;
  const mask = slots.length / slotWords - 1;
  let slot = hash & mask;
  for (let probes = 0; probes < probesMax; probes += 1) {
    const i = slotWords * slot;
    const first = slots[i];
    const second = slots[i + 1];
    const third = slots[i + 2];
    const fourth = slots[i + 3];
    if (first === a && second === b && third === c && fourth === d) return false;
    if (first === 0 && second === 0 && third === 0 && fourth === 0) {
      slots[i] = a;
      slots[i + 1] = b;
      slots[i + 2] = c;
      slots[i + 3] = d;
      return true;
    }
    slot = (slot + 1) & mask;
  }
  throw damagedSnapshot("the ids of its entries were made to collide");
}

function grown(slots: Uint32Array): Uint32Array {
  const larger = new Uint32Array(Math.max(slotWords * slotsMin, slots.length * 2));
  for (let i = 0; i < slots.length; i += slotWords) {
    if (slots[i] === 0 && slots[i + 1] === 0 && slots[i + 2] === 0 && slots[i + 3] === 0) continue;
    const isNew = insert(larger, hashOf(slots, i), slots, i);
    assert(isNew, "a table holds every id once");
  }
  return larger;
}

/** Spreads the bits of an id over 32, with the finalizer of MurmurHash3. */
function hashOf(source: Uint32Array, at: number): number {
  let bits = source[at] ?? 0;
  for (let i = at + 1; i < at + slotWords; i += 1) {
    bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35) ^ (source[i] ?? 0);
  }
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  return bits ^ (bits >>> 16);
}

function parseHexId(bytes: Uint8Array, start: number, end: number, words: Uint32Array): boolean {
  if (end - start !== 32) return false;
  let seen = 0;
  for (let i = 0; i < slotWords; i += 1) {
    let word = 0;
    for (let j = start + 8 * i; j < start + 8 * i + 8; j += 1) {
      const digit = digitOf[bytes[j] ?? 0] ?? notADigit;
      seen |= digit;
      word = (word << 4) | digit;
    }
    words[i] = word;
  }
  return seen < notADigit;
}

const notADigit = 16;
/** The values of the bytes of lower-case hexadecimal digits. */
const digitOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) || (byte >= 0x41 && byte <= 0x46) ? notADigit : digit;
});
