import { TextCache } from "./text-cache.ts";

/**
 * Reads [msgpack](https://github.com/msgpack/msgpack/blob/master/spec.md) of the old kind and the new. Never throws: the
 * first problem ends the input, so that all further reads give zero, "" or nothing; look at `problem` when done.
 * Nothing that is returned shares memory with the input, except by {@link MsgpackReader.view}.
 */
export class MsgpackReader {
  bytes: Uint8Array = none;
  offset = 0;
  end = 0;
  /** "short" means that the bytes are the beginning of something. */
  problem: "short" | "malformed" | undefined = undefined;
  /** Where the input must reach at least before it is worth reading again, if it is short. */
  wanted = 0;
  /** A value was out of its bounds, or text was not UTF-8; it was passed over and read as if it were not there. */
  isFlawed = false;
  #elementsLeft = 0;

  /** Reads `bytes` from `start` to `end` next. */
  over(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    this.problem = undefined;
    this.isFlawed = false;
    this.#elementsLeft = elementsMax;
    return this;
  }

  /** Gives up as the input is not what it should be. */
  fail(): void {
    this.problem ??= "malformed";
    this.end = this.offset;
  }

  /** Begins a map, and returns how many keys with their values follow. */
  map(): number {
    this.#elementsLeft = elementsMax;
    const head = this.byte();
    const pairs =
      head >= 0x80 && head <= 0x8f
        ? head & 0x0f
        : head === 0xde
          ? this.#big(2)
          : head === 0xdf
            ? this.#big(4)
            : pairsMax + 1;
    if (pairs <= pairsMax) return pairs;
    this.fail();
    return 0;
  }

  /** Returns an integer from 0 to `max`, which is at most 2^32 - 1; nil is 0. */
  uint(max: number): number {
    const value = this.#uint(this.byte());
    if (value >= 0 && value <= max) return value;
    this.isFlawed = true;
    return 0;
  }

  /** Returns a boolean, which may also be given as 0 or 1; nil is false. */
  bool(): boolean {
    const head = this.byte();
    if (head === 0xc3 || head === 1) return true;
    if (head !== 0xc2 && head !== 0xc0 && head !== 0) this.fail();
    return false;
  }

  /** Returns text of at most `bytesMax` bytes; nil is "". */
  text(bytesMax: number): string {
    const start = this.#raw(this.byte(), bytesMax);
    const text = texts.decode(this.bytes, start, this.offset);
    if (text !== undefined) return text;
    this.isFlawed = true;
    return "";
  }

  /** Returns at most `bytesMax` bytes, which may also be given as an array of integers; nil is none. */
  raw(bytesMax: number): Uint8Array {
    const head = this.byte();
    if ((head >= 0x90 && head <= 0x9f) || head === 0xdc || head === 0xdd) return this.#array(head, bytesMax);
    const start = this.#raw(head, bytesMax);
    return copied(this.bytes, start, this.offset);
  }

  /** Returns at most `bytesMax` bytes as a part of the input. */
  view(bytesMax: number): Uint8Array {
    const start = this.#raw(this.byte(), bytesMax);
    return this.bytes.subarray(start, this.offset);
  }

  /** Passes over `length` bytes, and returns a copy of them. */
  verbatim(length: number): Uint8Array {
    if (!this.#need(length)) return none;
    const start = this.offset;
    this.offset += length;
    return copied(this.bytes, start, this.offset);
  }

  /** Passes over a text, and returns where it begins; `offset` is where it ends. */
  key(): number {
    return this.#raw(this.byte(), maxUint32);
  }

  /** Passes over a value of any type. */
  skip(): void {
    for (let left = 1; left > 0; left--) {
      const head = this.byte();
      if (head >= 0x80 && head <= 0x9f) left += this.#elements(head & 0x0f, head < 0x90 ? 2 : 1);
      else if (head === 0xdc || head === 0xdd) left += this.#elements(this.#big(head === 0xdc ? 2 : 4), 1);
      else if (head === 0xde || head === 0xdf) left += this.#elements(this.#big(head === 0xde ? 2 : 4), 2);
      else if (head >= 0x80 && head < 0xe0) this.#skipScalar(head);
      if (this.problem !== undefined) return;
    }
  }

  byte(): number {
    if (this.offset < this.end) return this.bytes[this.offset++] ?? 0;
    this.#need(1);
    return 0;
  }

  /** Passes over the rest of a value whose first byte was `head` and which has no elements. */
  #skipScalar(head: number): void {
    if (isRaw(head)) this.#raw(head, maxUint32);
    else if (head >= 0xc7 && head <= 0xc9) this.#pass(1 + this.#big(1 << (head - 0xc7)));
    else if (head >= 0xd4 && head <= 0xd8) this.#pass(1 + (1 << (head - 0xd4)));
    else if (head === 0xca) this.#pass(4);
    else if (head === 0xcb) this.#pass(8);
    else if (head >= 0xcc && head <= 0xd3) this.#pass(1 << (head & 3));
    else if (head === 0xc1) this.fail();
  }

  /** Takes `count` times `each` elements off what one map may have. */
  #elements(count: number, each: number): number {
    const elements = count * each;
    this.#elementsLeft -= elements;
    if (this.#elementsLeft >= 0 && this.#need(elements)) return elements;
    this.fail();
    return 0;
  }

  #array(head: number, bytesMax: number): Uint8Array {
    const count = this.#elements(
      head === 0xdc ? this.#big(2) : head === 0xdd ? this.#big(4) : head & 0x0f,
      1,
    );
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index++) bytes[index] = this.uint(0xff);
    if (count <= bytesMax) return bytes;
    this.isFlawed = true;
    return none;
  }

  /** Returns a negative number for one that is out of bounds. */
  #uint(head: number): number {
    if (head < 0x80) return head;
    if (head >= 0xe0) return -1;
    switch (head) {
      case 0xcc:
        return this.#big(1);
      case 0xcd:
        return this.#big(2);
      case 0xce:
        return this.#big(4);
      case 0xcf:
        return this.#big(8);
      case 0xd3:
        return notNegative(this.#big(8), 2 ** 63);
      case 0xd0:
        return notNegative(this.#big(1), 0x80);
      case 0xd1:
        return notNegative(this.#big(2), 0x8000);
      case 0xd2:
        return notNegative(this.#big(4), 0x80000000);
      case 0xc0:
        return 0;
      default:
        this.fail();
        return 0;
    }
  }

  /**
   * Passes over bytes or text whose first byte was `head`, and returns where the content begins; where it ends if it is
   * too long.
   */
  #raw(head: number, bytesMax: number): number {
    let length = 0;
    if (head >= 0xa0 && head <= 0xbf) length = head & 0x1f;
    else if (isRaw(head))
      length = this.#big(head === 0xc4 || head === 0xd9 ? 1 : head === 0xc5 || head === 0xda ? 2 : 4);
    else if (head !== 0xc0) this.fail();
    const start = this.offset;
    this.#pass(length);
    if (length <= bytesMax) return start;
    this.isFlawed = true;
    return this.offset;
  }

  #pass(length: number): void {
    if (this.#need(length)) this.offset += length;
  }

  #big(length: number): number {
    if (!this.#need(length)) return 0;
    let value = 0;
    for (let index = 0; index < length; index++) value = value * 256 + (this.bytes[this.offset++] ?? 0);
    return value;
  }

  #need(length: number): boolean {
    if (this.offset + length <= this.end) return true;
    if (this.problem === undefined) {
      this.problem = "short";
      this.wanted = this.offset + length;
    }
    this.end = this.offset;
    return false;
  }
}

export const maxUint32 = 0xffff_ffff;

/** Keys of one map: messages have up to eight. */
const pairsMax = 32;
/** Elements of arrays and maps within one map. With this bound, reading again what was short is cheap. */
const elementsMax = 1024;
/** Up to here a loop is faster than the runtime's copying. */
const loopBytesMax = 24;
const none = new Uint8Array(0);
/** One for all, so that 10,000 nodes of a simulation share it. */
const texts = new TextCache();

function isRaw(head: number): boolean {
  return (head >= 0xa0 && head <= 0xbf) || (head >= 0xc4 && head <= 0xc6) || (head >= 0xd9 && head <= 0xdb);
}

function notNegative(value: number, sign: number): number {
  return value < sign ? value : -1;
}

/** Unlike `slice`, copies also if `bytes` is a Buffer. */
function copied(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end) return none;
  const copy = new Uint8Array(end - start);
  if (copy.length > loopBytesMax) copy.set(bytes.subarray(start, end));
  else for (let index = 0; index < copy.length; index++) copy[index] = bytes[start + index] ?? 0;
  return copy;
}
