import { entryTag } from "../entry-wire.ts";
import { copyBytes } from "./copy-bytes.ts";

/**
 * Where the fields of a stored entry are in its protobuf encoding (`core/entry-wire.ts`), found without making
 * text or integers of 64 bits of them: a snapshot copies bytes. Used for one entry after the other.
 */
export class WireScan {
  idAt = 0;
  idBytes = 0;
  keyAt = 0;
  keyBytes = 0;
  payloadAt = 0;
  payloadBytes = 0;
  sequenceHigh = 0;
  sequenceLow = 0;
  timeHigh = 0;
  timeLow = 0;
  lamportHigh = 0;
  lamportLow = 0;
  metadataCount = 0;
  /** Bytes of all names and values. */
  metadataTextBytes = 0;
  /** Where the first pair begins. */
  #metadataAt = 0;
  #wire: Uint8Array = new Uint8Array(0);
  #at = 0;
  #high = 0;
  #low = 0;

  /** Throws RangeError if these bytes do not have the form of an entry. */
  scan(wire: Uint8Array): void {
    this.#wire = wire;
    this.#at = 0;
    this.idBytes = this.#lengthAfter(entryTag.id);
    this.idAt = this.#skip(this.idBytes);
    this.keyBytes = this.#lengthAfter(entryTag.key);
    this.keyAt = this.#skip(this.keyBytes);
    this.payloadBytes = this.#lengthAfter(entryTag.payload);
    this.payloadAt = this.#skip(this.payloadBytes);
    this.#numberAfter(entryTag.sequence);
    this.sequenceHigh = this.#high;
    this.sequenceLow = this.#low;
    this.#numberAfter(entryTag.appendedAtNs);
    this.timeHigh = this.#high;
    this.timeLow = this.#low;
    this.#metadata();
    this.#numberAfter(entryTag.lamport);
    this.lamportHigh = this.#high;
    this.lamportLow = this.#low;
    if (this.#at !== wire.length) throw new RangeError("stored entry has a field too many");
  }

  /** Writes the pairs as a record has them, each text after its length of 32 bits, and returns the offset after them. */
  writeMetadata(target: Uint8Array, view: DataView, offset: number): number {
    this.#at = this.#metadataAt;
    let at = offset;
    for (let pair = 0; pair < this.metadataCount; pair += 1) {
      this.#lengthAfter(entryTag.metadata);
      for (const tag of pairTags) {
        const bytes = this.#lengthAfter(tag);
        view.setUint32(at, bytes);
        at = copyBytes(target, at + 4, this.#wire, this.#skip(bytes), bytes);
      }
    }
    return at;
  }

  #metadata(): void {
    this.#metadataAt = this.#at;
    this.metadataCount = 0;
    this.metadataTextBytes = 0;
    while (this.#wire[this.#at] === entryTag.metadata) {
      const bytes = this.#lengthAfter(entryTag.metadata);
      const end = this.#at + bytes;
      for (const tag of pairTags) {
        const textBytes = this.#lengthAfter(tag);
        this.#skip(textBytes);
        this.metadataTextBytes += textBytes;
      }
      if (this.#at !== end) throw new RangeError("stored metadata has another length than it says");
      this.metadataCount += 1;
    }
  }

  /** Returns the length of the next field if it has this tag, else 0: such a field is empty. */
  #lengthAfter(tag: number): number {
    this.#numberAfter(tag);
    if (this.#high !== 0) throw tooEarly();
    return this.#low;
  }

  /** Reads the next varint if it has this tag, else it is 0. */
  #numberAfter(tag: number): void {
    const wire = this.#wire;
    let low = 0;
    let high = 0;
    if (wire[this.#at] === tag) {
      let at = this.#at + 1;
      for (let shift = 0; ; shift += 7) {
        const byte = wire[at];
        if (byte === undefined || shift > 63) throw tooEarly();
        at += 1;
        const bits = byte & 0x7f;
        if (shift < 28) low |= bits << shift;
        else if (shift > 28) high |= bits << (shift - 32);
        else {
          low |= bits << 28;
          high = bits >>> 4;
        }
        if (byte < 0x80) break;
      }
      this.#at = at;
    }
    this.#low = low >>> 0;
    this.#high = high >>> 0;
  }

  /** Moves over bytes that must be there and returns where they begin. */
  #skip(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#wire.length - start) throw tooEarly();
    this.#at = start + bytes;
    return start;
  }
}

const pairTags = [entryTag.metadataName, entryTag.metadataValue] as const;

function tooEarly(): RangeError {
  return new RangeError("stored entry ends too early");
}
