import { ByteWriter } from "../byte-writer.ts";
import type { Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { erlangTag, writeErlangInteger } from "../merkle/legacy-leaf.ts";

/** What a leaf covers beside the context id. Text is UTF-8, integers of 64 bits are two halves. */
export interface LegacyLeafFields {
  /** An array that is not written to; it costs less if it is the one of the entry before. */
  readonly key: Uint8Array;
  readonly payload: Uint8Array;
  readonly sequenceHigh: number;
  readonly sequenceLow: number;
  readonly timeHigh: number;
  readonly timeLow: number;
}

/** The leaves of many entries of one context in the seed profile, hashed together. `legacyLeaf` defines them. */
export class LegacyLeaves {
  readonly #hasher: Hasher;
  /** What every term begins with: up to its key. */
  readonly #prefix: Uint8Array;
  /** What the last term began with: up to its payload. Most entries have the key of the one before. */
  #beginning: { readonly key: Uint8Array; readonly bytes: Uint8Array } | undefined;
  #terms = new ByteWriter(64 * 1024);
  /** Where each term ends. */
  #ends: number[] = [];

  constructor(contextId: string, hasher: Hasher) {
    this.#hasher = hasher;
    const list = new ByteWriter().u8(erlangTag.version).u8(erlangTag.list).u32(5);
    this.#prefix = list.u8(erlangTag.binary).text(contextId).u8(erlangTag.binary).copy();
  }

  add(fields: LegacyLeafFields): void {
    const { key, payload } = fields;
    this.#terms.raw(this.#beginningWith(key)).u32(payload.length).raw(payload);
    writeErlangInteger(this.#terms, fields.sequenceHigh, fields.sequenceLow);
    writeErlangInteger(this.#terms, fields.timeHigh, fields.timeLow);
    this.#ends.push(this.#terms.u8(erlangTag.nil).length);
  }

  #beginningWith(key: Uint8Array): Uint8Array {
    if (this.#beginning?.key === key) return this.#beginning.bytes;
    const bytes = new ByteWriter().raw(this.#prefix).u32(key.length).raw(key).u8(erlangTag.binary).copy();
    this.#beginning = { key, bytes };
    return bytes;
  }

  /** Returns the packed leaves of the entries added since the last call. */
  take(): Uint8Array {
    const terms = this.#terms.view();
    let start = 0;
    const messages = this.#ends.map((end) => {
      const term = terms.subarray(start, end);
      start = end;
      return term;
    });
    const leaves = this.#hasher.sha256Many(messages);
    this.#ends = [];
    // What a single large entry took is not kept for the small ones after it.
    if (terms.length > 2 * limits.snapshotBlockBytes) this.#terms = new ByteWriter(64 * 1024);
    else this.#terms.reset();
    return leaves;
  }
}
