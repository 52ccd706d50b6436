import type { LedgerError } from "../errors.ts";
import { quote } from "../errors.ts";
import { damagedSnapshot } from "./snapshot-error.ts";

/** How messages call the map that a snapshot is. */
export const outerMap = "its outer map";

export interface ErlangTermOptions {
  /** Where the term begins in the bytes. */
  readonly start: number;
  /** Returns the error for a term whose bytes end inside of `part`. */
  readonly ended: (part: string) => LedgerError;
}

/**
 * Reads an Erlang external term from front to back, without building it: a cursor over its bytes. Knows
 * what snapshots consist of (atoms, binaries, integers of up to 64 bits, lists, maps, the empty list) and
 * refuses everything else with INVALID_ARGUMENT.
 * [Erlang external term format](https://www.erlang.org/doc/apps/erts/erl_ext_dist.html)
 */
export class ErlangTerm {
  /** What is being read, for messages. */
  subject = outerMap;
  /** The offset of the next byte. */
  at: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #ended: (part: string) => LedgerError;

  constructor(bytes: Uint8Array, { start, ended }: ErlangTermOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = start;
    this.#ended = ended;
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  /** Returns an atom's text, which is right for ASCII and different from all ASCII otherwise. */
  atom(name: string): string {
    const found = this.#tag();
    if (found !== tag.atom && found !== tag.smallAtomUtf8) throw this.#isNo(name, "atom");
    const bytes = this.#take(found === tag.atom ? this.#u16() : this.#u8());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return text;
  }

  /** Moves over the atom `nil` and returns true if that is what comes next. */
  skipNil(): boolean {
    const start = this.at;
    const next = this.#bytes[start];
    if ((next === tag.atom || next === tag.smallAtomUtf8) && this.atom("nil") === "nil") return true;
    this.at = start;
    return false;
  }

  /** Returns a view of a binary's bytes. */
  binary(name: string): Uint8Array {
    if (this.#tag() !== tag.binary) throw this.#isNo(name, "binary");
    return this.#take(this.#u32());
  }

  integer(name: string): bigint {
    const found = this.#tag();
    if (found === tag.smallInteger) return BigInt(this.#u8());
    if (found === tag.integer) return BigInt(this.#u32() | 0);
    if (found !== tag.smallBig) throw this.#isNo(name, "integer of up to 64 bits");
    const length = this.#u8();
    const sign = this.#u8();
    if (length > 8 || sign > 1) throw this.damaged(`${quote(name)} is no integer of up to 64 bits`);
    const bytes = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[i] ?? 0);
    return sign === 0 ? value : -value;
  }

  /** Returns how many pairs a map has; they follow. */
  pairs(name: string): number {
    if (this.#tag() !== tag.map) throw this.#isNo(name, "map");
    return this.#count(2);
  }

  /** Returns how many elements a list has; they follow, and then, unless there are none, its end. */
  elements(name: string): number {
    const found = this.#tag();
    if (found === tag.nil) return 0;
    if (found !== tag.list) throw this.#isNo(name, "list");
    const count = this.#count(1);
    if (count === 0) throw this.damaged(`${quote(name)} is a list without elements that says it has some`);
    return count;
  }

  endOfList(name: string): void {
    if (this.#tag() !== tag.nil) throw this.damaged(`${quote(name)} is an improper list`);
  }

  /** Moves over one value, whatever it is; yields now and then, so that a large one can be read in turns. */
  *skip(): Generator<undefined, void, undefined> {
    let turn = 0;
    for (let left = 1; left > 0; left -= 1) {
      left += this.#skipOne();
      // Every value takes at least a byte.
      if (left - 1 > this.#bytes.length - this.at) throw this.#ended(this.subject);
      turn += 1;
      if (turn % turnValues === 0) yield undefined;
    }
  }

  damaged(fault: string, options?: ErrorOptions): LedgerError {
    return damagedSnapshot(`${this.subject}: ${fault}`, options);
  }

  /** Moves over a value but for those it contains, and returns how many these are. */
  #skipOne(): number {
    const found = this.#tag();
    switch (found) {
      case tag.smallInteger:
        this.#take(1);
        return 0;
      case tag.integer:
        this.#take(4);
        return 0;
      case tag.smallBig:
        this.#take(this.#u8() + 1);
        return 0;
      case tag.atom:
      case tag.smallAtomUtf8:
        this.#take(found === tag.atom ? this.#u16() : this.#u8());
        return 0;
      case tag.binary:
        this.#take(this.#u32());
        return 0;
      case tag.nil:
        return 0;
      case tag.list:
        return this.#count(1) + 1;
      case tag.map:
        return 2 * this.#count(2);
      default:
        throw this.#isNo("a value", "term that a snapshot has");
    }
  }

  /** Returns a u32 number of parts, each of which takes at least so many bytes. */
  #count(bytesMin: number): number {
    const count = this.#u32();
    if (count * bytesMin > this.#bytes.length - this.at) throw this.#ended(this.subject);
    return count;
  }

  #tag(): number {
    return this.#u8();
  }

  #u8(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw this.#ended(this.subject);
    this.at += 1;
    return byte;
  }

  #u16(): number {
    const { at } = this;
    this.#take(2);
    return this.#view.getUint16(at);
  }

  #u32(): number {
    const { at } = this;
    this.#take(4);
    return this.#view.getUint32(at);
  }

  #take(bytes: number): Uint8Array {
    if (bytes > this.#bytes.length - this.at) throw this.#ended(this.subject);
    const from = this.at;
    this.at += bytes;
    return this.#bytes.subarray(from, this.at);
  }

  /** The error for the tag before the cursor, if it begins another kind of term than it should. */
  #isNo(name: string, kind: string): LedgerError {
    const at = this.at - 1;
    return this.damaged(`${quote(name)} is no ${kind}: byte ${at} is the tag ${this.#bytes[at]}`);
  }
}

const tag = {
  smallInteger: 97,
  integer: 98,
  atom: 100,
  nil: 106,
  list: 108,
  binary: 109,
  smallBig: 110,
  map: 116,
  smallAtomUtf8: 119,
};

const turnValues = 65_536;
