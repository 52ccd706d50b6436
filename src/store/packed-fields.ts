/**
 * Fields of a packed commit one after the other, little-endian, for the parts with many kinds of them.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import type { Epoch } from "../core/epoch.ts";
import { unhex } from "../core/hex.ts";
import { writeUtf8 } from "../core/utf8.ts";

/** An epoch as the writer binds it: the node id has 16 bytes, or none if there is no node. */
export interface PackedEpoch {
  readonly counter: number;
  readonly nodeId: Uint8Array;
}

export const nodeIdBytes = 16;
/** What an epoch takes at most. */
export const epochBytesMax = 9 + nodeIdBytes;

export class FieldWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, view: DataView, start: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = start;
  }

  /** Where the next field goes. */
  get at(): number {
    return this.#at;
  }

  u8(value: number): void {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  u16(value: number): void {
    assert(value <= 0xffff, "a length is far below 64 KiB");
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  f64(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  i64(value: bigint): void {
    this.#view.setBigInt64(this.#at, value, true);
    this.#at += 8;
  }

  /** Bytes without their length. */
  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** `u16` and as many bytes of UTF-8. */
  text(text: string): void {
    const start = this.#at + 2;
    const end = writeUtf8(this.#bytes, start, text);
    this.u16(end - start);
    this.#at = end;
  }

  nodeId(nodeId: string): void {
    const id = unhex(nodeId);
    assert(id?.length === nodeIdBytes, "a node id is 32 hex digits");
    this.raw(id);
  }

  /** `f64 counter, u8 has node` and the node id. */
  epoch({ counter, nodeId }: Epoch): void {
    this.f64(counter);
    this.u8(nodeId === "" ? 0 : 1);
    if (nodeId !== "") this.nodeId(nodeId);
  }
}

/** Reads what {@link FieldWriter} wrote; arrays are views into the packed bytes. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, view: DataView, start: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = start;
  }

  get at(): number {
    return this.#at;
  }

  u8(): number {
    this.#at += 1;
    return this.#view.getUint8(this.#at - 1);
  }

  u16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2, true);
  }

  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  f64(): number {
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  i64(): bigint {
    this.#at += 8;
    return this.#view.getBigInt64(this.#at - 8, true);
  }

  raw(length: number): Uint8Array {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): Uint8Array {
    return this.raw(this.u16());
  }

  epoch(): PackedEpoch {
    const counter = this.f64();
    return { counter, nodeId: this.raw(this.u8() === 0 ? 0 : nodeIdBytes) };
  }

  /** Reads as many items as `count` says. */
  list<T>(count: number, next: () => T): T[] {
    return Array.from({ length: count }, next);
  }
}
