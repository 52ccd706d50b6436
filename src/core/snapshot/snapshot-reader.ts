import { assert } from "../assert.ts";
import type { Hasher } from "../hasher.ts";
import { hex } from "../hex.ts";
import { limits } from "../limits.ts";
import { decodeUtf8 } from "../utf8.ts";
import type { ZstdDecoder } from "../zstd.ts";
import { BlockReader } from "./block-reader.ts";
import { PieceBuffer } from "./piece-buffer.ts";
import { sameBytes } from "./same-bytes.ts";
import { createSeenIds, type SeenIds } from "./seen-ids.ts";
import type { SnapshotEntry } from "./snapshot-entry.ts";
import {
  damagedSnapshot,
  snapshotRootMismatch,
  truncatedSnapshot,
  unsupportedSnapshot,
} from "./snapshot-error.ts";
import {
  blockTag,
  endBytes,
  endTag,
  plainBytesMax,
  type SnapshotHeader,
  snapshotMagic,
  type SnapshotSummary,
  snapshotVersion,
} from "./snapshot-format.ts";
import { SnapshotTally } from "./snapshot-tally.ts";

export interface SnapshotReaderOptions {
  readonly hasher: Hasher;
  readonly zstd: ZstdDecoder;
  /** Where ids are remembered until the end. By default in memory, up to `snapshotIdsInMemoryMax`. */
  readonly ids?: SeenIds;
}

export interface SnapshotReader {
  /** What the snapshot says about itself; undefined until it has arrived. */
  readonly header: SnapshotHeader | undefined;
  /** False if there were more ids than are remembered: the caller has to look for repeated ones itself. */
  readonly hasAllIds: boolean;
  /**
   * Takes the next bytes and yields the entries they complete, in batches (some empty) that take a few
   * milliseconds each, so that a small chunk that unpacks to gigabytes neither fills the memory nor
   * holds the event loop. Must be iterated to the end. Nothing may become visible before `finish` has
   * returned.
   */
  push(chunk: Uint8Array): Generator<readonly SnapshotEntry[], void, undefined>;
  /** Returns what all entries amount to, once everything has been verified. */
  finish(): SnapshotSummary;
}

/**
 * Reads a version 3 snapshot in one pass and refuses everything its format does not allow. Throws
 * INVALID_ARGUMENT; after that the reader must not be used. Memory: one block, and a bounded number of ids.
 */
export function createSnapshotReader(options: SnapshotReaderOptions): SnapshotReader {
  return new StreamReader(options);
}

/** What the parser asks for: that many bytes next, or that these entries are handed out. */
type Request = number | readonly SnapshotEntry[];

class StreamReader implements SnapshotReader {
  readonly #pieces = new PieceBuffer();
  readonly #parser: SnapshotParser;
  readonly #steps: Generator<Request, SnapshotSummary, Uint8Array>;
  #request: IteratorResult<Request, SnapshotSummary>;
  #isOpen = true;

  constructor(options: SnapshotReaderOptions) {
    this.#parser = new SnapshotParser(options);
    this.#steps = this.#parser.parse();
    this.#request = this.#steps.next(nothing);
  }

  get header(): SnapshotHeader | undefined {
    return this.#parser.header;
  }

  get hasAllIds(): boolean {
    return this.#parser.ids.isComplete;
  }

  *push(chunk: Uint8Array): Generator<readonly SnapshotEntry[], void, undefined> {
    assert(this.#isOpen, "a snapshot reader is not used after it failed or before the last chunk was read");
    this.#isOpen = false;
    this.#pieces.put(chunk);
    while (!this.#request.done) {
      const wanted = this.#request.value;
      if (typeof wanted === "number") {
        const piece = this.#pieces.take(wanted);
        if (piece === undefined) break;
        this.#request = this.#steps.next(piece);
      } else {
        yield wanted;
        this.#request = this.#steps.next(nothing);
      }
    }
    if (this.#request.done && this.#pieces.waiting > 0) {
      throw damagedSnapshot(`it goes on after its end at byte ${this.#parser.offset}`);
    }
    this.#isOpen = true;
  }

  finish(): SnapshotSummary {
    assert(
      this.#isOpen,
      "a snapshot reader is not finished after it failed or before the last chunk was read",
    );
    this.#isOpen = false;
    if (!this.#request.done) {
      throw truncatedSnapshot(this.#parser.offset + this.#pieces.waiting, this.#parser.part);
    }
    return this.#request.value;
  }
}

const nothing = new Uint8Array(0);

/** The format, read from front to back; every `yield` of a number is answered with that many bytes. */
class SnapshotParser {
  header: SnapshotHeader | undefined;
  /** Bytes read so far. */
  offset = 0;
  /** What is being read, for the message if it ends here. */
  part = "its header";
  readonly ids: SeenIds;
  readonly #options: SnapshotReaderOptions;
  readonly #tally: SnapshotTally;
  readonly #digest;

  constructor(options: SnapshotReaderOptions) {
    this.#options = options;
    this.ids = options.ids ?? createSeenIds(options.hasher);
    this.#tally = new SnapshotTally(options.hasher);
    this.#digest = options.hasher.stream();
  }

  *parse(): Generator<Request, SnapshotSummary, Uint8Array> {
    this.header = yield* this.#header();
    const { contextId } = this.header;
    const { hasher } = this.#options;
    const blocks = new BlockReader({ contextId, hasher, tally: this.#tally, ids: this.ids });
    for (;;) {
      this.part = `the part at byte ${this.offset}`;
      const start = this.offset;
      const [tag] = yield* this.#take(1);
      if (tag === endTag) return yield* this.#end(this.header);
      if (tag !== blockTag)
        throw damagedSnapshot(`byte ${start} is ${tag}, neither a block (1) nor the end (2)`);
      blocks.begin(yield* this.#block(start), start);
      yield [];
      for (;;) {
        const entries = blocks.entries(limits.snapshotTurnEntries);
        if (entries.length === 0) break;
        yield entries;
      }
    }
  }

  *#header(): Generator<Request, SnapshotHeader, Uint8Array> {
    checkMagic(yield* this.#take(snapshotMagic.length));
    const version = readU32(yield* this.#take(4));
    if (version !== snapshotVersion) throw unsupportedSnapshot(`version ${version}`);
    const length = readU32(yield* this.#take(4));
    if (length === 0 || length > limits.contextIdBytesMax) {
      throw damagedSnapshot(`its context id has ${length} bytes, not 1 to ${limits.contextIdBytesMax}`);
    }
    const contextId = decodeContextId(yield* this.#take(length));
    return { contextId, createdAtNs: readU64(yield* this.#take(8)) };
  }

  /** Returns the plain bytes of one block. */
  *#block(start: number): Generator<Request, Uint8Array, Uint8Array> {
    this.part = `the block at byte ${start}`;
    const sizes = yield* this.#take(8);
    const frameBytes = readU32(sizes);
    const plainBytes = readU32(sizes, 4);
    if (plainBytes === 0 || plainBytes > plainBytesMax) {
      throw damagedSnapshot(
        `the block at byte ${start} declares ${plainBytes} plain bytes, not 1 to ${plainBytesMax}`,
      );
    }
    const frameBytesMax = plainBytes + limits.snapshotFrameOverheadBytes;
    if (frameBytes === 0 || frameBytes > frameBytesMax) {
      const bounds = `not 1 to ${frameBytesMax} for ${plainBytes} plain bytes`;
      throw damagedSnapshot(`the block at byte ${start} declares ${frameBytes} compressed bytes, ${bounds}`);
    }
    const frame = yield* this.#take(frameBytes);
    let plain: Uint8Array;
    try {
      const windowBytesMax = limits.snapshotZstdWindowBytesMax;
      plain = this.#options.zstd.decompress(frame, { plainBytes, windowBytesMax });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw damagedSnapshot(`the block at byte ${start} cannot be unpacked: ${reason}`, { cause: error });
    }
    assert(plain.length === plainBytes, "decompress returns as many bytes as it was told");
    return plain;
  }

  /** Reads what follows the end tag and compares it with what was read before. */
  *#end(header: SnapshotHeader): Generator<Request, SnapshotSummary, Uint8Array> {
    this.part = "its end";
    const end = yield* this.#take(endBytes);
    const { count, lamport } = this.#tally;
    checkEqual("count", readU64(end), BigInt(count));
    checkEqual("latest sequence", readU64(end, 8), BigInt(count));
    checkEqual("Lamport time", readU64(end, 16), lamport);
    const seedRoot = this.#tally.seedRoot();
    const root = this.#tally.root();
    checkRoot("seed", end.subarray(24, 56), seedRoot);
    checkRoot("rfc6962", end.subarray(56, 88), root);
    const digest = this.#digest.digest();
    const said = yield digest.length;
    this.offset += said.length;
    if (!sameBytes(said, digest))
      throw damagedSnapshot("its last 32 bytes are not the SHA-256 of the bytes before");
    return { ...header, count, latestSequence: count, lamport, root, seedRoot, digest };
  }

  /** Returns bytes that the digest covers. */
  *#take(bytes: number): Generator<Request, Uint8Array, Uint8Array> {
    const piece = yield bytes;
    this.#digest.update(piece);
    this.offset += bytes;
    return piece;
  }
}

function checkMagic(magic: Uint8Array): void {
  if (sameBytes(magic, snapshotMagic)) return;
  const digitAt = snapshotMagic.length - 2;
  const isOther = magic.every((byte, i) => i === digitAt || byte === snapshotMagic[i]);
  const digit = String.fromCharCode(magic[digitAt] ?? 0);
  if (isOther && /\d/.test(digit)) throw unsupportedSnapshot(`version ${digit}`);
  throw damagedSnapshot(`it begins with the bytes ${hex(magic)}, not with "CLSNAP3"`);
}

function decodeContextId(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    throw damagedSnapshot("its context id is not valid UTF-8", { cause: error });
  }
}

function checkEqual(what: string, said: bigint, computed: bigint): void {
  if (said !== computed)
    throw damagedSnapshot(`its end says ${what} ${said}, and its entries give ${computed}`);
}

function checkRoot(profile: string, said: Uint8Array, computed: Uint8Array): void {
  if (sameBytes(said, computed)) return;
  throw snapshotRootMismatch("snapshot", { profile, said: hex(said), computed: hex(computed) });
}

function readU32(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
}

function readU64(bytes: Uint8Array, offset = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset);
}
