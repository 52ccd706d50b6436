/**
 * The part of a packed commit that few commits have: subtrees, signed heads, contexts that the log of logs has, and
 * damage. `u32 subtrees, u32 signed, u32 logged, u32 damage`, then subtrees `f64 log, f64 index, u8 level` and root,
 * signed heads `u16 id, f64 generation, f64 size`, root and id, logged contexts `u16 id, f64 size` and id, and damage
 * `f64 log, f64 sequence, u8 damaged`.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { hashBytes } from "../core/hasher.ts";
import { writeUtf8 } from "../core/utf8.ts";
import type { Commit, DamageMark, NewSubtree, SignedHead } from "../ledger/ports.ts";

/** The arrays of bytes are views into the packed bytes. */
export interface PackedIntegrity {
  readonly subtrees: readonly NewSubtree[];
  readonly signed: readonly (Omit<SignedHead, "contextId"> & { readonly id: Uint8Array })[];
  readonly logged: readonly { readonly id: Uint8Array; readonly size: number }[];
  readonly damage: readonly DamageMark[];
}

const countsBytes = 16;
const subtreeBytes = 17 + hashBytes;
const signedHeadBytes = 18 + hashBytes;
const loggedHeadBytes = 10;
const damageBytes = 17;

/** Returns how many bytes this part of a commit takes at most; 0 if the commit has none of it. */
export function integrityBytesMax({ subtrees, signed, logged, damage }: Commit): number {
  const count =
    (subtrees?.length ?? 0) + (signed?.length ?? 0) + (logged?.length ?? 0) + (damage?.length ?? 0);
  if (count === 0) return 0;
  let bytes = countsBytes + subtreeBytes * (subtrees?.length ?? 0) + damageBytes * (damage?.length ?? 0);
  for (const { contextId } of signed ?? []) bytes += signedHeadBytes + 3 * contextId.length;
  for (const { contextId } of logged ?? []) bytes += loggedHeadBytes + 3 * contextId.length;
  return bytes;
}

/** Writes this part from `start` on and returns where it ends. */
export function packIntegrity(bytes: Uint8Array, view: DataView, start: number, commit: Commit): number {
  const { subtrees = [], signed = [], logged = [], damage = [] } = commit;
  for (const [index, list] of [subtrees, signed, logged, damage].entries()) {
    view.setUint32(start + 4 * index, list.length, true);
  }
  let at = start + countsBytes;
  for (const { log, index, level, root } of subtrees) {
    view.setFloat64(at, log, true);
    view.setFloat64(at + 8, index, true);
    view.setUint8(at + 16, level);
    at = setRoot(bytes, at + 17, root);
  }
  for (const { contextId, generation, size, root } of signed) {
    view.setFloat64(at + 2, generation, true);
    view.setFloat64(at + 10, size, true);
    at = setId(bytes, view, at, setRoot(bytes, at + 18, root), contextId);
  }
  for (const { contextId, size } of logged) {
    view.setFloat64(at + 2, size, true);
    at = setId(bytes, view, at, at + loggedHeadBytes, contextId);
  }
  for (const { log, sequence, damaged } of damage) {
    view.setFloat64(at, log, true);
    view.setFloat64(at + 8, sequence, true);
    view.setUint8(at + 16, damaged ? 1 : 0);
    at += damageBytes;
  }
  return at;
}

/** Reads this part from `start` on and returns where it ends, too. */
export function unpackIntegrity(
  bytes: Uint8Array,
  view: DataView,
  start: number,
): { readonly integrity: PackedIntegrity; readonly end: number } {
  let at = start + countsBytes;
  /** Reads as many as count number `list` says, each of which takes what `next` returns beside it. */
  function listOf<T>(list: number, next: () => readonly [T, number]): T[] {
    return Array.from({ length: view.getUint32(start + 4 * list, true) }, () => {
      const [item, length] = next();
      at += length;
      return item;
    });
  }
  const number = (offset: number) => view.getFloat64(at + offset, true);
  const part = (offset: number, length: number) => bytes.subarray(at + offset, at + offset + length);
  const idBytes = () => view.getUint16(at, true);
  const integrity = {
    subtrees: listOf(0, () => [
      { log: number(0), index: number(8), level: view.getUint8(at + 16), root: part(17, hashBytes) },
      subtreeBytes,
    ]),
    signed: listOf(1, () => [
      {
        id: part(signedHeadBytes, idBytes()),
        generation: number(2),
        size: number(10),
        root: part(18, hashBytes),
      },
      signedHeadBytes + idBytes(),
    ]),
    logged: listOf(2, () => [
      { id: part(loggedHeadBytes, idBytes()), size: number(2) },
      loggedHeadBytes + idBytes(),
    ]),
    damage: listOf(3, () => [
      { log: number(0), sequence: number(8), damaged: view.getUint8(at + 16) === 1 },
      damageBytes,
    ]),
  };
  return { integrity, end: at };
}

function setRoot(bytes: Uint8Array, at: number, root: Uint8Array): number {
  assert(root.length === hashBytes, "a root is a SHA-256");
  bytes.set(root, at);
  return at + hashBytes;
}

function setId(bytes: Uint8Array, view: DataView, lengthAt: number, idAt: number, id: string): number {
  const end = writeUtf8(bytes, idAt, id);
  assert(end - idAt <= 0xffff, "context ids are far below 64 KiB");
  view.setUint16(lengthAt, end - idAt, true);
  return end;
}
