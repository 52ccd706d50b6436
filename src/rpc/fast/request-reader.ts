const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const asciiMax = 48;

/**
 * Reads a protobuf message field by field. Anything unusual (a wrong wire type, bytes that end early, text
 * that is not UTF-8) throws, and the caller leaves the request to the general path, which says what is wrong.
 * [Protocol buffers encoding](https://protobuf.dev/programming-guides/encoding/)
 */
export class RequestReader {
  #at: number;
  readonly #end: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Returns the next field's number and wire type as they are on the wire. */
  tag(): number {
    return this.uint();
  }

  /** Reads a varint of at most 53 bits. */
  uint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#next();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw unusual;
        return value;
      }
    }
    throw unusual;
  }

  /** Reads a varint of at most 64 bits. */
  uint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#next();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw unusual;
  }

  /** Reads a length-delimited field as a view. */
  bytes(): Uint8Array {
    const end = this.#lengthDelimitedEnd();
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** Reads a length-delimited field as text. */
  text(): string {
    const end = this.#lengthDelimitedEnd();
    const start = this.#at;
    this.#at = end;
    const length = end - start;
    if (length > asciiMax) return decoder.decode(this.#bytes.subarray(start, end));
    const units = new Array<number>(length);
    for (let i = 0; i < length; i += 1) {
      const byte = this.#bytes[start + i] ?? 0x80;
      if (byte >= 0x80) return decoder.decode(this.#bytes.subarray(start, end));
      units[i] = byte;
    }
    return String.fromCharCode.apply(String, units);
  }

  /** Passes over the value of a field of this wire type; returns a length-delimited one. */
  skip(wireType: number): Uint8Array | undefined {
    switch (wireType) {
      case 0:
        this.uint64();
        return undefined;
      case 1:
        return this.#advance(8);
      case 2:
        return this.bytes();
      case 5:
        return this.#advance(4);
      default:
        // The begin and end of a group; what is between them looks like fields of the message.
        return undefined;
    }
  }

  /** Returns a reader of a length-delimited field. */
  message(): RequestReader {
    const end = this.#lengthDelimitedEnd();
    const reader = new RequestReader(this.#bytes, this.#at, end);
    this.#at = end;
    return reader;
  }

  #advance(bytes: number): undefined {
    if (this.#at + bytes > this.#end) throw unusual;
    this.#at += bytes;
  }

  #lengthDelimitedEnd(): number {
    const length = this.uint();
    const end = this.#at + length;
    if (end > this.#end) throw unusual;
    return end;
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined || this.#at >= this.#end) throw unusual;
    this.#at += 1;
    return byte;
  }
}

const unusual = new Error("not a plain request");
