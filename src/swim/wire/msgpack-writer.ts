import { utf8Length, writeUtf8 } from "../../core/utf8.ts";

/**
 * Writes [msgpack](https://github.com/msgpack/msgpack/blob/master/spec-old.md) as it was before it had separate text and
 * bytes: both are `raw`, which every version of memberlist reads.
 */
export class MsgpackWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `capacity` is the expected size in bytes. */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Forgets what was written and keeps the memory. */
  reset(): this {
    this.#length = 0;
    return this;
  }

  /** Returns a copy of what was written. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Writes bytes as they are: type bytes, and what was encoded before. */
  byte(value: number): this {
    this.#grow(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  verbatim(bytes: Uint8Array): this {
    this.#grow(bytes.length);
    if (bytes.length > loopBytesMax) this.#bytes.set(bytes, this.#length);
    else
      for (let index = 0; index < bytes.length; index++)
        this.#bytes[this.#length + index] = bytes[index] ?? 0;
    this.#length += bytes.length;
    return this;
  }

  /** Begins a map of up to 15 pairs. */
  map(pairs: number): this {
    return this.byte(0x80 | pairs);
  }

  /** Writes an integer from 0 to 2^32 - 1 in its shortest form. */
  uint(value: number): this {
    this.#grow(5);
    const bytes = this.#bytes;
    if (value < 0x80) bytes[this.#length++] = value;
    else if (value < 0x100) {
      bytes[this.#length++] = 0xcc;
      bytes[this.#length++] = value;
    } else if (value < 0x10000) {
      bytes[this.#length++] = 0xcd;
      this.#big16(value);
    } else {
      bytes[this.#length++] = 0xce;
      this.#big16(value >>> 16);
      this.#big16(value);
    }
    return this;
  }

  bool(value: boolean): this {
    return this.byte(value ? 0xc3 : 0xc2);
  }

  /** Writes well-formed text. */
  text(value: string): this {
    const length = utf8Length(value);
    this.#rawHeader(length);
    this.#length = writeUtf8(this.#bytes, this.#length, value);
    return this;
  }

  raw(value: Uint8Array): this {
    this.#rawHeader(value.length);
    return this.verbatim(value);
  }

  /** Also makes room for what follows. */
  #rawHeader(length: number): void {
    this.#grow(5 + length);
    const bytes = this.#bytes;
    if (length < 0x20) bytes[this.#length++] = 0xa0 | length;
    else if (length < 0x10000) {
      bytes[this.#length++] = 0xda;
      this.#big16(length);
    } else {
      bytes[this.#length++] = 0xdb;
      this.#big16(length >>> 16);
      this.#big16(length);
    }
  }

  #big16(value: number): void {
    this.#bytes[this.#length++] = value >>> 8;
    this.#bytes[this.#length++] = value;
  }

  #grow(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}

/** Up to here a loop is faster than the runtime's copying. */
const loopBytesMax = 24;
