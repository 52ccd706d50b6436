import { utf8Length, writeUtf8 } from "./utf8.ts";

/** Writes big-endian integers, bytes and text into one array that doubles when full. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `capacity` is the expected size in bytes. */
  constructor(capacity = 512) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Returns what was written, as a view that the next write or reset may change. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns a copy of what was written. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets what was written and keeps the memory. */
  reset(): this {
    this.#length = 0;
    return this;
  }

  u8(value: number): this {
    this.#grow(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#grow(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** Takes a safe integer or a bigint below 2^64. */
  u64(value: number | bigint): this {
    this.#grow(8);
    if (typeof value === "bigint") this.#view.setBigUint64(this.#length, value);
    else {
      this.#view.setUint32(this.#length, Math.floor(value / 2 ** 32));
      this.#view.setUint32(this.#length + 4, value % 2 ** 32);
    }
    this.#length += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Writes well-formed text as its u32 byte length and its UTF-8 bytes. */
  text(value: string): this {
    const length = utf8Length(value);
    this.u32(length);
    this.#grow(length);
    this.#length = writeUtf8(this.#bytes, this.#length, value);
    return this;
  }

  #grow(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
