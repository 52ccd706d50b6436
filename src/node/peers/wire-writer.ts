import { assert } from "../../core/assert.ts";
import { utf8Length, writeUtf8 } from "../../core/utf8.ts";

/** Lengths of nested messages take so many bytes, so that they can be filled in afterwards; readers of protobuf take them so. */
const nestedLengthBytes = 4;
const nestedBytesMax = 2 ** 28 - 1;

/** Writes one protobuf message. Fields that have their default are left out, as proto3 does. */
export class WireWriter {
  #bytes: Uint8Array;
  #at = 0;

  /** `capacity` is the expected size in bytes; a good guess spares copies. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Returns what was written; nothing may be written after it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Writes a safe integer that is not negative. */
  uint(field: number, value: number): this {
    return value === 0 ? this : this.#tag(field, 0).#varint(value);
  }

  /** Writes an integer even if it is 0; nothing if it is undefined. */
  optionalUint(field: number, value: number | undefined): this {
    return value === undefined ? this : this.#tag(field, 0).#varint(value);
  }

  bool(field: number, value: boolean): this {
    return value ? this.#tag(field, 0).#varint(1) : this;
  }

  double(field: number, value: number): this {
    this.#tag(field, 1).#grow(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.always(field, value);
  }

  /** Writes bytes even if there are none: an element of a list. */
  always(field: number, value: Uint8Array): this {
    this.#tag(field, 2).#varint(value.length).#grow(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** Writes well-formed text. */
  text(field: number, value: string): this {
    return value === "" ? this : this.optionalText(field, value);
  }

  /** Writes well-formed text, even if it is empty; nothing if it is undefined. */
  optionalText(field: number, value: string | undefined): this {
    if (value === undefined) return this;
    const length = utf8Length(value);
    this.#tag(field, 2).#varint(length).#grow(length);
    this.#at = writeUtf8(this.#bytes, this.#at, value);
    return this;
  }

  /** Writes a nested message: what `write` writes. */
  message(field: number, write: (writer: this) => void): this {
    this.#tag(field, 2).#grow(nestedLengthBytes);
    const start = this.#at + nestedLengthBytes;
    this.#at = start;
    write(this);
    let rest = this.#at - start;
    assert(rest <= nestedBytesMax, "a nested message fits its length");
    for (let index = 0; index < nestedLengthBytes; index += 1) {
      const isLast = index === nestedLengthBytes - 1;
      this.#bytes[start - nestedLengthBytes + index] = (rest & 0x7f) | (isLast ? 0 : 0x80);
      rest >>>= 7;
    }
    return this;
  }

  #tag(field: number, type: number): this {
    return this.#varint(field * 8 + type);
  }

  #varint(value: number): this {
    this.#grow(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  #grow(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
  }
}
