import { LedgerError } from "../errors.ts";
import { limits } from "../limits.ts";
import { sameBytes } from "../snapshot/same-bytes.ts";
import { decodeUtf8 } from "../utf8.ts";

/** Reads the fields of one record from front to back. Every method throws INVALID_ARGUMENT naming the record and the field. */
export class RecordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  /** `what` names the record in messages. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
    if (bytes.length > limits.recordBytesMax)
      throw this.malformed(`has ${bytes.length} bytes, more than ${limits.recordBytesMax}`);
  }

  /** Moves over bytes that are always the same. */
  header(header: Uint8Array): void {
    const start = this.#at;
    if (header.length <= this.#bytes.length - start) this.#at += header.length;
    if (!sameBytes(this.#bytes.subarray(start, this.#at), header))
      throw this.malformed("does not begin like one of version 1");
  }

  u32(field: string): number {
    const at = this.#at;
    this.#skip(4, field);
    return this.#view.getUint32(at);
  }

  /** Reads an integer of 8 bytes that is between `min` and `max`. */
  u64(field: string, bounds: { readonly min: bigint; readonly max: bigint }): bigint {
    const at = this.#at;
    this.#skip(8, field);
    const value = this.#view.getBigUint64(at);
    if (value < bounds.min || value > bounds.max)
      throw this.malformed(`has ${field} ${value}, not ${bounds.min} to ${bounds.max}`);
    return value;
  }

  /** Reads text with its length in front, `min` to `max` bytes. */
  text(field: string, bounds: { readonly min: number; readonly max: number }): string {
    const length = this.u32(field);
    if (length < bounds.min || length > bounds.max)
      throw this.malformed(`has ${field} of ${length} bytes, not ${bounds.min} to ${bounds.max}`);
    const bytes = this.raw(length, field);
    try {
      return decodeUtf8(bytes);
    } catch (error) {
      throw this.malformed(`has ${field} that is not valid UTF-8`, { cause: error });
    }
  }

  /** Returns a copy of the next `length` bytes. */
  raw(length: number, field: string): Uint8Array {
    const at = this.#at;
    this.#skip(length, field);
    return this.#bytes.slice(at, this.#at);
  }

  end(): void {
    const rest = this.#bytes.length - this.#at;
    if (rest > 0) throw this.malformed(`has ${rest} bytes after its last field`);
  }

  malformed(fault: string, options?: ErrorOptions): LedgerError {
    const remedy = "do not trust it; get it again from where it was made";
    const facts = { reason: "RECORD_MALFORMED", field: "record", remedy };
    return new LedgerError("INVALID_ARGUMENT", `${this.#what} ${fault}`, facts, options);
  }

  #skip(bytes: number, field: string): void {
    if (bytes > this.#bytes.length - this.#at) throw this.malformed(`ends in ${field}`);
    this.#at += bytes;
  }
}
