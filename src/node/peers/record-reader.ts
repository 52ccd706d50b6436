import { limits } from "../../core/limits.ts";

const lengthBytes = 4;

/** Cuts a stream of bytes into records, each behind its length. Keeps at most one record, and copies it only if it came in pieces. */
export class RecordReader {
  readonly #onRecord: (record: Uint8Array) => void;
  readonly #head = new Uint8Array(lengthBytes);
  #headBytes = 0;
  #record: Uint8Array | undefined;
  #recordBytes = 0;
  #isClosed = false;

  /** `onRecord` may {@link RecordReader.close} the reader; a record is a view of what was read. */
  constructor(onRecord: (record: Uint8Array) => void) {
    this.#onRecord = onRecord;
  }

  /** Nothing is reported any more. */
  close(): void {
    this.#isClosed = true;
    this.#record = undefined;
  }

  /** Returns false if a record is longer than peerRecordBytesMax, or empty; then nothing more may be read. */
  read(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length && !this.#isClosed) {
      if (this.#record === undefined) {
        const length = this.#takeLength(bytes, at);
        at += length.taken;
        if (length.value === undefined) return true;
        if (length.value === 0 || length.value > limits.peerRecordBytesMax) return false;
        if (bytes.length - at >= length.value) {
          this.#onRecord(bytes.subarray(at, at + length.value));
          at += length.value;
          continue;
        }
        this.#record = new Uint8Array(length.value);
        this.#recordBytes = 0;
      }
      at += this.#fill(this.#record, bytes.subarray(at));
    }
    return true;
  }

  #takeLength(
    bytes: Uint8Array,
    from: number,
  ): { readonly taken: number; readonly value: number | undefined } {
    let at = from;
    while (this.#headBytes < lengthBytes && at < bytes.length) {
      this.#head[this.#headBytes] = bytes[at] ?? 0;
      this.#headBytes += 1;
      at += 1;
    }
    if (this.#headBytes < lengthBytes) return { taken: at - from, value: undefined };
    this.#headBytes = 0;
    return { taken: at - from, value: new DataView(this.#head.buffer).getUint32(0) };
  }

  #fill(record: Uint8Array, bytes: Uint8Array): number {
    const taken = bytes.subarray(0, record.length - this.#recordBytes);
    record.set(taken, this.#recordBytes);
    this.#recordBytes += taken.length;
    if (this.#recordBytes === record.length) {
      this.#record = undefined;
      this.#onRecord(record);
    }
    return taken.length;
  }
}
