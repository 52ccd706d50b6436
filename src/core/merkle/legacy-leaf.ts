import { ByteWriter } from "../byte-writer.ts";
import type { Entry } from "../entry.ts";
import type { Hash, Hasher } from "../hasher.ts";

/** Payloads above this are hashed where they are instead of being copied into the term. */
export const copiedPayloadBytesMax = 16_384;

/**
 * Returns the leaf of an entry in the seed profile: the SHA-256 of the Erlang external term
 * `[context_id, key, payload, sequence, appended_at_ns]`.
 * [Erlang external term format](https://www.erlang.org/doc/apps/erts/erl_ext_dist.html)
 */
export function legacyLeaf(contextId: string, entry: Entry, hasher: Hasher): Hash {
  term.reset().u8(erlangTag.version).u8(erlangTag.list).u32(5);
  term.u8(erlangTag.binary).text(contextId).u8(erlangTag.binary).text(entry.key);
  term.u8(erlangTag.binary).u32(entry.payload.length);
  if (entry.payload.length <= copiedPayloadBytesMax) {
    writeIntegers(term.raw(entry.payload), entry);
    return hasher.sha256(term.view());
  }
  const stream = hasher.stream();
  stream.update(term.view());
  stream.update(entry.payload);
  writeIntegers(term.reset(), entry);
  stream.update(term.view());
  return stream.digest();
}

export const erlangTag = {
  version: 131,
  smallInteger: 97,
  integer: 98,
  nil: 106,
  list: 108,
  binary: 109,
  smallBig: 110,
} as const;

const term = new ByteWriter(1024);

function writeIntegers(writer: ByteWriter, entry: Entry): void {
  writeErlangInteger(writer, Math.floor(entry.sequence / 2 ** 32), entry.sequence % 2 ** 32);
  writeErlangInteger(writer, Number(entry.appendedAtNs >> 32n), Number(entry.appendedAtNs & 0xffff_ffffn));
  writer.u8(erlangTag.nil);
}

/** Writes an integer of 64 bits, given as two halves, in the shortest of its three forms, as Erlang does. */
export function writeErlangInteger(writer: ByteWriter, high: number, low: number): void {
  if (high === 0 && low < 256) {
    writer.u8(erlangTag.smallInteger).u8(low);
  } else if (high === 0 && low < 2 ** 31) {
    writer.u8(erlangTag.integer).u32(low);
  } else {
    const lowBytes = high === 0 ? byteLength(low) : 4;
    const highBytes = byteLength(high);
    writer
      .u8(erlangTag.smallBig)
      .u8(lowBytes + highBytes)
      .u8(0);
    for (let i = 0; i < lowBytes; i += 1) writer.u8((low >>> (8 * i)) & 0xff);
    for (let i = 0; i < highBytes; i += 1) writer.u8((high >>> (8 * i)) & 0xff);
  }
}

function byteLength(value: number): number {
  return Math.ceil((32 - Math.clz32(value)) / 8);
}
