import { compareCodePoints, type Entry, type Metadata, recordHeader, sortMetadata } from "../entry.ts";
import { quote } from "../errors.ts";
import type { Hash } from "../hasher.ts";
import { limits } from "../limits.ts";
import { decodeUtf8 } from "../utf8.ts";
import type { ErlangTerm } from "./erlang-term.ts";
import { oversizedSnapshot } from "./snapshot-error.ts";

export interface FirstImplementationEntry {
  /** Its payload is a view into the term. */
  readonly entry: Entry;
  readonly idBytes: Uint8Array;
  /** The hash that the first implementation stored with it, if it did. */
  readonly storedHash: Hash | undefined;
}

/**
 * Reads the next value of a term, which must be entry number `sequence` of the first implementation, and
 * checks all that it can show by itself but its hash. Throws INVALID_ARGUMENT.
 */
export function readFirstImplementationEntry(
  term: ErlangTerm,
  { sequence, contextIdBytes }: { readonly sequence: number; readonly contextIdBytes: number },
): FirstImplementationEntry {
  const fields = readFields(term);
  const { id, key, payload, metadata } = {
    id: present(term, "id", fields.id),
    key: present(term, "key", fields.key),
    payload: present(term, "payload", fields.payload),
    metadata: present(term, "metadata", fields.metadata),
  };
  if (id.length === 0) throw term.damaged("has an empty id");
  checkSize(term, "an id", id.length, limits.entryIdBytesMax);
  checkSize(term, "a payload", payload.length, limits.payloadBytesMax);
  const recordBytes = fixedRecordBytes + contextIdBytes + id.length + key.length + metadata.recordBytes;
  checkSize(term, "a record", recordBytes, limits.recordBytesMax);
  const said = present(term, "sequence", fields.sequence);
  if (said !== BigInt(sequence)) throw term.damaged(`has sequence ${said}`);
  const entry = {
    id: decode(term, "id", id),
    key: decode(term, "key", key),
    payload,
    sequence,
    appendedAtNs: inRange(term, "appended_at_ns", fields.appended_at_ns, limits.timeNsMax),
    metadata: metadata.pairs,
    lamport: inRange(term, "lamport_clock", fields.lamport_clock ?? 0n, limits.lamportMax),
  };
  return { entry, idBytes: id, storedHash: fields.content_hash };
}

interface Fields {
  readonly id?: Uint8Array;
  readonly key?: Uint8Array;
  readonly payload?: Uint8Array;
  readonly sequence?: bigint;
  readonly appended_at_ns?: bigint;
  readonly metadata?: { readonly pairs: Metadata; readonly recordBytes: number };
  /** Absent or nil in entries that are older than it. */
  readonly lamport_clock?: bigint | undefined;
  readonly content_hash?: Uint8Array | undefined;
}

/** What the record of an entry takes without its texts. */
const fixedRecordBytes = recordHeader.length + 3 * 4 + 3 * 8 + 4 + 8 + 32;

function readFields(term: ErlangTerm): Fields {
  const fields: Fields = {};
  for (let left = term.pairs("entry"); left > 0; left -= 1) {
    const name = term.atom("name of a field");
    if (Object.hasOwn(fields, name)) throw term.damaged(`has ${name} twice`);
    Object.assign(fields, readField(term, name));
  }
  return fields;
}

function readField(term: ErlangTerm, name: string): Fields {
  switch (name) {
    case "id":
      return { id: term.binary(name) };
    case "key":
      return { key: term.binary(name) };
    case "payload":
      return { payload: term.binary(name) };
    case "sequence":
      return { sequence: term.integer(name) };
    case "appended_at_ns":
      return { appended_at_ns: term.integer(name) };
    case "metadata":
      return { metadata: readMetadata(term) };
    case "lamport_clock":
      return { lamport_clock: term.skipNil() ? undefined : term.integer(name) };
    case "content_hash":
      return { content_hash: term.skipNil() ? undefined : term.binary(name) };
    default:
      throw term.damaged(`has the field ${quote(name)}, which no entry has`);
  }
}

function readMetadata(term: ErlangTerm): { pairs: Metadata; recordBytes: number } {
  const unsorted: [string, string][] = [];
  let recordBytes = 0;
  for (let left = term.pairs("metadata"); left > 0; left -= 1) {
    const name = term.binary("name in metadata");
    const value = term.binary("value in metadata");
    recordBytes += 8 + name.length + value.length;
    // Looked at here too, so that a forged map does not fill the memory.
    checkSize(term, "a record", fixedRecordBytes + recordBytes, limits.recordBytesMax);
    unsorted.push([decode(term, "metadata", name), decode(term, "metadata", value)]);
  }
  const pairs = sortMetadata(unsorted);
  for (const [i, [name]] of pairs.entries()) {
    const before = pairs[i - 1];
    if (before !== undefined && compareCodePoints(before[0], name) === 0)
      throw term.damaged(`has metadata ${quote(name)} twice`);
  }
  return { pairs, recordBytes };
}

function present<T>(term: ErlangTerm, name: string, value: T | undefined): T {
  if (value === undefined) throw term.damaged(`has no ${name}`);
  return value;
}

function inRange(term: ErlangTerm, name: string, value: bigint | undefined, max: bigint): bigint {
  const said = present(term, name, value);
  if (said < 0n || said > max) throw term.damaged(`has ${name} ${said}, not 0 to ${max}`);
  return said;
}

function checkSize(term: ErlangTerm, part: string, value: number, limit: number): void {
  if (value > limit) throw oversizedSnapshot(`${part} (${term.subject})`, { value, limit });
}

function decode(term: ErlangTerm, name: string, bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    throw term.damaged(`has invalid UTF-8 in its ${name}`, { cause: error });
  }
}
