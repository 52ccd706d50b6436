import { ByteWriter } from "../byte-writer.ts";
import { copiedId } from "../entry-id.ts";
import { decodeEntry, encodeEntry } from "../entry-wire.ts";
import { recordHeader } from "../entry.ts";
import { quote } from "../errors.ts";
import type { Hash, Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { encodeUtf8, utf8Length } from "../utf8.ts";
import { oversizedSnapshot } from "./snapshot-error.ts";

/** An entry in the form in which it is stored. */
export interface LoadedEntry {
  readonly sequence: number;
  readonly id: string;
  readonly key: string;
  readonly appendedAtNs: bigint;
  readonly lamport: bigint;
  readonly contentHash: Hash;
  /** Fields 1 to 7 of the entry's protobuf encoding, see `core/entry-wire.ts`. */
  readonly wire: Uint8Array;
  /** What the entry counts with in sizes and quotas, see `entryBytes`. */
  readonly bytes: number;
}

/** An entry of a snapshot, checked against its own record. */
export interface SnapshotEntry extends LoadedEntry {
  /** A zero byte and the canonical record, whose hash is the content hash; a view that lasts as long as its block. */
  readonly hashed: Uint8Array;
}

/** Gives the entries of one context the ids and hashes that they have in another. */
export class EntryCopier {
  readonly #from: string;
  readonly #to: string;
  readonly #hasher: Hasher;
  /** What is hashed begins with this, in the other context and in its own. */
  readonly #prefix: Uint8Array;
  readonly #fromPrefixBytes: number;
  readonly #hashed = new ByteWriter(1024);

  constructor(contexts: { readonly from: string; readonly to: string }, hasher: Hasher) {
    const { from, to } = contexts;
    this.#from = from;
    this.#to = to;
    this.#hasher = hasher;
    this.#prefix = new ByteWriter().u8(0).raw(recordHeader).text(to).copy();
    this.#fromPrefixBytes = 1 + recordHeader.length + 4 + utf8Length(from);
  }

  /** Throws INVALID_ARGUMENT if the record becomes too large. */
  copy(entry: SnapshotEntry): LoadedEntry {
    const id = copiedId(this.#to, this.#from, entry.id, this.#hasher);
    const afterId = this.#fromPrefixBytes + 4 + utf8Length(entry.id);
    const hashed = this.#hashed.reset().raw(this.#prefix).text(id).raw(entry.hashed.subarray(afterId)).view();
    if (hashed.length - 1 > limits.recordBytesMax) {
      const what = `entry ${entry.sequence}, which under context id ${quote(this.#to)} gets a record`;
      throw oversizedSnapshot(what, { value: hashed.length - 1, limit: limits.recordBytesMax });
    }
    const { sequence, key, appendedAtNs, lamport, bytes } = entry;
    const contentHash = this.#hasher.sha256(hashed);
    return { sequence, id, key, appendedAtNs, lamport, contentHash, wire: withId(entry, id), bytes };
  }
}

/** Returns the encoding of an entry with another id. */
function withId({ id: before, wire }: SnapshotEntry, id: string): Uint8Array {
  if (before.length !== id.length || utf8Length(before) !== id.length)
    return encodeEntry({ ...decodeEntry(wire), id });
  // The id is the first field: a tag, a length below 128, its bytes.
  const bytes = wire.slice();
  bytes.set(encodeUtf8(id), 2);
  return bytes;
}
