import { LedgerError } from "../../core/errors.ts";
import { decodeUtf8 } from "../../core/utf8.ts";

/**
 * Reads one protobuf message that another node has sent, field by field, and throws LedgerError INVALID_ARGUMENT
 * PEER_MESSAGE_INVALID naming the field as soon as one is not as it must be. Fields that are not asked for are skipped.
 */
export class WireReader {
  /** Of the field that {@link WireReader.next} has found. */
  field = 0;
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;
  #type = 0;
  /** The value of the field was read. */
  #isRead = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** Goes on to the next field; false if there is none. */
  next(): boolean {
    if (!this.#isRead) this.#skip();
    if (this.#at === this.#end) return false;
    const tag = this.#varint("tag");
    this.field = Math.floor(tag / 8);
    this.#type = tag % 8;
    this.#isRead = false;
    if (this.field === 0) throw invalid("tag", "has field number 0");
    return true;
  }

  uint(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
    this.#expect(name, 0);
    const value = this.#varint(name);
    if (value > max) throw invalid(name, `is ${value}, more than ${max}`, { value, limit: max });
    return value;
  }

  bool(name: string): boolean {
    return this.uint(name) !== 0;
  }

  double(name: string): number {
    this.#expect(name, 1);
    this.#need(name, 8);
    const value = new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  /** Returns a view of what is read. */
  bytes(name: string, bytesMax: number): Uint8Array {
    const length = this.#length(name);
    if (length > bytesMax)
      throw invalid(name, `is ${length} bytes, more than ${bytesMax}`, { value: length, limit: bytesMax });
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** Returns a view of exactly so many bytes. */
  exactly(name: string, length: number): Uint8Array {
    const value = this.bytes(name, length);
    if (value.length !== length)
      throw invalid(name, `is ${value.length} bytes, not ${length}`, { value: value.length, limit: length });
    return value;
  }

  text(name: string, bytesMax: number): string {
    const bytes = this.bytes(name, bytesMax);
    try {
      return decodeUtf8(bytes);
    } catch {
      throw invalid(name, "is not valid UTF-8");
    }
  }

  /** Returns what `read` makes of a nested message. */
  message<T>(name: string, read: (reader: this) => T): T {
    const length = this.#length(name);
    const outerEnd = this.#end;
    this.#end = this.#at + length;
    const value = read(this);
    while (this.next()) continue;
    this.#end = outerEnd;
    return value;
  }

  #expect(name: string, type: number): void {
    if (this.#type !== type) throw invalid(name, `has wire type ${this.#type}, not ${type}`);
    this.#isRead = true;
  }

  #length(name: string): number {
    this.#expect(name, 2);
    const length = this.#varint(name);
    this.#need(name, length);
    return length;
  }

  #need(name: string, bytes: number): void {
    if (bytes > this.#end - this.#at) throw invalid(name, "is longer than what holds it");
  }

  #skip(): void {
    const name = `field ${this.field}`;
    switch (this.#type) {
      case 0:
        this.#expect(name, 0);
        this.#skipVarint(name);
        return;
      case 1:
      case 5: {
        this.#isRead = true;
        const bytes = this.#type === 1 ? 8 : 4;
        this.#need(name, bytes);
        this.#at += bytes;
        return;
      }
      case 2: {
        const length = this.#length(name);
        this.#at += length;
        return;
      }
      default:
        throw invalid(name, `has wire type ${this.#type}`);
    }
  }

  /** A varint of a field that nobody knows may be any 64 bits. */
  #skipVarint(name: string): void {
    for (let count = 0; count < 10; count += 1) {
      if (this.#at === this.#end) throw invalid(name, "ends too early");
      if ((this.#bytes[this.#at++] ?? 0) < 0x80) return;
    }
    throw invalid(name, "is no varint");
  }

  #varint(name: string): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count += 1) {
      if (this.#at === this.#end) throw invalid(name, "ends too early");
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw invalid(name, `is more than ${Number.MAX_SAFE_INTEGER}`);
  }
}

/** Returns the refusal of a message whose `field` is not as it must be. */
export function invalid(
  field: string,
  why: string,
  facts: { readonly value?: string | number; readonly limit?: number } = {},
): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `${field} of a message between nodes ${why}`, {
    reason: "PEER_MESSAGE_INVALID",
    field,
    ...facts,
  });
}
