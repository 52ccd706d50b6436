import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { assert } from "../../core/assert.ts";
import type { Hello } from "./hello.ts";

export type Side = "dialer" | "acceptor";

/** What sealing adds to a record. */
export const tagBytes = 16;
const none: Uint8Array = new Uint8Array(0);

/** Seals the records of one direction of one connection, each under its number. */
export class RecordSealer {
  readonly #key: Uint8Array;
  readonly #nonce = new Nonce();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Seals the bytes of `record` from `start` on in place, but for the last 16, which become the tag. */
  seal(record: Uint8Array, start: number, additional = none): void {
    const end = record.length - tagBytes;
    const cipher = createCipheriv("aes-256-gcm", this.#key, this.#nonce.next());
    if (additional.length > 0) cipher.setAAD(additional);
    if (end > start) record.set(cipher.update(record.subarray(start, end)), start);
    cipher.final();
    record.set(cipher.getAuthTag(), end);
  }
}

/** Opens the records of one direction of one connection, in the order in which they were sealed. */
export class RecordOpener {
  readonly #key: Uint8Array;
  readonly #nonce = new Nonce();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Returns the plain bytes, which belong to the receiver; undefined unless this is the next record. */
  open(record: Uint8Array, additional = none): Uint8Array | undefined {
    const end = record.length - tagBytes;
    if (end < 0) return undefined;
    const decipher = createDecipheriv("aes-256-gcm", this.#key, this.#nonce.next(), {
      authTagLength: tagBytes,
    });
    if (additional.length > 0) decipher.setAAD(additional);
    decipher.setAuthTag(record.subarray(end));
    const plain = end === 0 ? none : decipher.update(record.subarray(0, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength);
  }
}

/** Returns the key of what `side` sends on the connection that these hellos opened. */
export function recordKey(
  gossipKey: Uint8Array,
  hellos: { readonly dialer: Hello; readonly acceptor: Hello },
  side: Side,
): Uint8Array {
  const salt = new Uint8Array(64);
  salt.set(hellos.dialer.random);
  salt.set(hellos.acceptor.random, 32);
  return new Uint8Array(hkdfSync("sha256", gossipKey, salt, `converge-ledger peer ${side}`, 32));
}

class Nonce {
  readonly #bytes = new Uint8Array(12);
  readonly #view = new DataView(this.#bytes.buffer);
  #next = 0;

  /** Each one once; the array is the same every time. */
  next(): Uint8Array {
    assert(this.#next < Number.MAX_SAFE_INTEGER, "a connection ends before its numbers do");
    this.#view.setUint32(4, Math.floor(this.#next / 2 ** 32));
    this.#view.setUint32(8, this.#next >>> 0);
    this.#next += 1;
    return this.#bytes;
  }
}
