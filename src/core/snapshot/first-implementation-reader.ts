/**
 * Snapshots of the first implementation, versions 1 and 2: an Erlang external term, perhaps packed.
 *
 * ```
 * 131 · term                                    or 131 · 80 · u32 length of the term · zlib stream of it
 * term    = map of version, context_id, entries, sequence and, in version 2, merkle_root
 * entries = list of maps of id, key, payload, sequence, appended_at_ns, metadata, lamport_clock, content_hash
 * ```
 *
 * The root of version 2 covers context_id, and key, payload, sequence and appended_at_ns of every entry.
 * It does not cover id, metadata and lamport_clock: nothing shows whether these are as they were.
 *
 * @module
 */

import { ByteWriter } from "../byte-writer.ts";
import { type Entry, entryBytes, writeRecord } from "../entry.ts";
import { encodeEntry } from "../entry-wire.ts";
import { quote } from "../errors.ts";
import type { Hasher } from "../hasher.ts";
import { hex } from "../hex.ts";
import type { Inflate } from "../inflate.ts";
import { limits } from "../limits.ts";
import { legacyLeaf } from "../merkle/legacy-leaf.ts";
import { decodeUtf8 } from "../utf8.ts";
import { ErlangTerm, outerMap } from "./erlang-term.ts";
import { readFirstImplementationEntry } from "./first-implementation-entry.ts";
import type { LoadReader, LoadSummary } from "./load-reader.ts";
import { sameBytes } from "./same-bytes.ts";
import { createSeenIds, type SeenIds } from "./seen-ids.ts";
import {
  damagedSnapshot,
  oversizedFirstSnapshot,
  rootMissing,
  snapshotRootMismatch,
  truncatedSnapshot,
  unsupportedFirstSnapshot,
  unverifiedSnapshot,
} from "./snapshot-error.ts";
import type { SnapshotEntry } from "./snapshot-entry.ts";
import { SnapshotTally } from "./snapshot-tally.ts";

/** The first byte of every Erlang external term. */
export const erlangTermTag = 131;

export interface FirstImplementationReaderOptions {
  readonly hasher: Hasher;
  readonly inflate: Inflate;
  /** Accept version 1, which has no root. */
  readonly allowUnverified: boolean;
}

/** Holds the snapshot, at most 64 MiB packed and unpacked, until it is whole. */
export function createFirstImplementationReader(options: FirstImplementationReaderOptions): LoadReader {
  return new FirstImplementationReader(options);
}

type Batches<Result> = Generator<readonly SnapshotEntry[], Result, undefined>;

class FirstImplementationReader implements LoadReader {
  readonly isHeld = true;
  contextId = "";
  readonly #options: FirstImplementationReaderOptions;
  #held = new ByteWriter(64 * 1024);

  constructor(options: FirstImplementationReaderOptions) {
    this.#options = options;
  }

  *push(chunk: Uint8Array): Batches<void> {
    const bytes = this.#held.length + chunk.length;
    if (bytes > limits.answerBytesMax) throw oversizedFirstSnapshot("packed", bytes);
    this.#held.raw(chunk);
    yield [];
  }

  *finish(): Batches<LoadSummary> {
    const term = termOf(this.#held.view(), this.#options.inflate);
    // What was packed is needed no more.
    this.#held = new ByteWriter(0);
    yield [];
    const outer = yield* readOuterMap(term);
    if (outer.version === 1 && !this.#options.allowUnverified) throw unverifiedSnapshot();
    this.contextId = outer.contextId;
    const tally = new SnapshotTally(this.#options.hasher);
    const ids = createSeenIds(this.#options.hasher);
    yield* this.#entries(term, outer, { tally, ids });
    const seedRoot = tally.seedRoot();
    if (outer.root !== undefined && !sameBytes(outer.root, seedRoot)) {
      const said = hex(outer.root);
      throw snapshotRootMismatch("snapshot", { profile: "seed", said, computed: hex(seedRoot) });
    }
    const unverified = outer.root === undefined;
    return { count: tally.count, root: tally.root(), seedRoot, unverified, hasAllIds: ids.isComplete };
  }

  /** Yields the entries in batches, each verified against the hash it was stored with. */
  *#entries(
    term: ErlangTerm,
    outer: OuterMap,
    { tally, ids }: { readonly tally: SnapshotTally; readonly ids: SeenIds },
  ): Batches<void> {
    const { contextId, contextIdBytes } = outer;
    const { hasher } = this.#options;
    let batch: SnapshotEntry[] = [];
    let batchBytes = 0;
    term.at = outer.entriesAt;
    for (let sequence = 1; sequence <= outer.count; sequence += 1) {
      term.subject = `entry ${sequence}`;
      const { entry, idBytes, storedHash } = readFirstImplementationEntry(term, { sequence, contextIdBytes });
      if (!ids.add(idBytes, 0, idBytes.length)) throw term.damaged("has the id of an entry before it");
      const hashed = hashedOf(contextId, entry, hasher);
      const contentHash = hasher.sha256(hashed);
      const leaf = legacyLeaf(contextId, entry, hasher);
      tally.add(contentHash, leaf, entry.lamport);
      if (storedHash !== undefined && !sameBytes(storedHash, leaf))
        throw term.damaged(`has the content_hash of another entry, ${hex(storedHash.subarray(0, 32))}`);
      const { id, key, appendedAtNs, lamport } = entry;
      const stored = { hashed, contentHash, wire: encodeEntry(entry), bytes: entryBytes(entry) };
      batch.push({ sequence, id, key, appendedAtNs, lamport, ...stored });
      batchBytes += entry.payload.length;
      if (batch.length < limits.snapshotTurnEntries && batchBytes < limits.snapshotBlockBytes) continue;
      yield batch;
      batch = [];
      batchBytes = 0;
    }
    term.subject = outerMap;
    if (outer.count > 0) term.endOfList("entries");
    if (batch.length > 0) yield batch;
  }
}

/** Returns a zero byte and the record: what the content hash is of. */
function hashedOf(contextId: string, entry: Entry, hasher: Hasher): Uint8Array {
  const hashed = new ByteWriter(512).u8(0);
  writeRecord(hashed, contextId, entry, hasher.sha256(entry.payload));
  return hashed.copy();
}

/** Returns the term of a snapshot, unpacked. */
function termOf(blob: Uint8Array, inflate: Inflate): ErlangTerm {
  if (blob[1] !== packedTag) {
    return new ErlangTerm(blob, { start: 1, ended: (part) => truncatedSnapshot(blob.length, part) });
  }
  if (blob.length < packedHeaderBytes) throw truncatedSnapshot(blob.length, "its header");
  const termBytes = new DataView(blob.buffer, blob.byteOffset).getUint32(2);
  if (termBytes > limits.answerBytesMax) throw oversizedFirstSnapshot("unpacked", termBytes);
  let term: Uint8Array;
  try {
    term = inflate(blob.subarray(packedHeaderBytes), termBytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw damagedSnapshot(`it cannot be unpacked: ${reason}`, { cause: error });
  }
  return new ErlangTerm(term, { start: 0, ended: (part) => damagedSnapshot(`its term ends in ${part}`) });
}

const packedTag = 80;
const packedHeaderBytes = 6;

interface OuterMap {
  readonly version: 1 | 2;
  readonly contextId: string;
  readonly contextIdBytes: number;
  readonly count: number;
  /** Where the first entry begins. */
  readonly entriesAt: number;
  /** Of the seed profile; version 1 has none. */
  readonly root: Uint8Array | undefined;
}

/** Reads everything but the entries. The fields come in any order, so the version may be the last. */
function* readOuterMap(term: ErlangTerm): Batches<OuterMap> {
  const places = yield* placesOf(term);
  const version = readVersion(term, places);
  for (const name of places.keys()) {
    if (!fieldsOf[version].includes(name))
      throw term.damaged(`has the field ${quote(name)}, which version ${version} has not`);
  }
  moveTo(term, places, "context_id");
  const id = term.binary("context_id");
  if (id.length > limits.contextIdBytesMax)
    throw term.damaged(`has a context_id of ${id.length} bytes, over ${limits.contextIdBytesMax}`);
  const root = version === 2 ? readRoot(term, places) : undefined;
  moveTo(term, places, "sequence");
  const sequence = term.integer("sequence");
  moveTo(term, places, "entries");
  const count = term.elements("entries");
  const entriesAt = term.at;
  if (sequence !== BigInt(count)) throw term.damaged(`has sequence ${sequence} and ${count} entries`);
  return { version, contextId: decodeId(term, id), contextIdBytes: id.length, count, entriesAt, root };
}

const fieldsOf: Readonly<Record<1 | 2, readonly string[]>> = {
  1: ["version", "context_id", "entries", "sequence"],
  2: ["version", "context_id", "entries", "sequence", "merkle_root"],
};
/** Fields of the outer map that are looked at before its version is known. */
const fieldsMax = 64;

/** Returns where each value of the outer map begins, having checked that it is the only thing there is. */
function* placesOf(term: ErlangTerm): Batches<Map<string, number>> {
  const pairs = term.pairs("snapshot");
  if (pairs > fieldsMax) throw term.damaged(`has ${pairs} fields`);
  const places = new Map<string, number>();
  for (let left = pairs; left > 0; left -= 1) {
    const name = term.atom("name of a field");
    if (places.has(name)) throw term.damaged(`has ${quote(name)} twice`);
    places.set(name, term.at);
    for (const _ of term.skip()) yield [];
  }
  if (!term.isAtEnd) throw damagedSnapshot(`it goes on after the end of its term at byte ${term.at}`);
  return places;
}

function moveTo(term: ErlangTerm, places: ReadonlyMap<string, number>, name: string): void {
  const at = places.get(name);
  if (at === undefined) throw term.damaged(`has no ${name}`);
  term.at = at;
}

function readVersion(term: ErlangTerm, places: ReadonlyMap<string, number>): 1 | 2 {
  moveTo(term, places, "version");
  const version = term.integer("version");
  if (version === 1n) return 1;
  if (version === 2n) return 2;
  throw unsupportedFirstSnapshot(version);
}

function readRoot(term: ErlangTerm, places: ReadonlyMap<string, number>): Uint8Array {
  if (!places.has("merkle_root")) throw rootMissing();
  moveTo(term, places, "merkle_root");
  if (term.skipNil()) throw rootMissing();
  const root = term.binary("merkle_root");
  if (root.length !== 32) throw term.damaged(`has a merkle_root of ${root.length} bytes, not 32`);
  return root;
}

function decodeId(term: ErlangTerm, bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    throw term.damaged("has invalid UTF-8 in its context_id", { cause: error });
  }
}
