import type { Hasher } from "../hasher.ts";
import type { Inflate } from "../inflate.ts";
import type { ZstdDecoder } from "../zstd.ts";
import { createFirstImplementationReader, erlangTermTag } from "./first-implementation-reader.ts";
import type { SnapshotEntry } from "./snapshot-entry.ts";
import type { SnapshotSummary } from "./snapshot-format.ts";
import { createSnapshotReader } from "./snapshot-reader.ts";

export interface LoadReaderOptions {
  readonly hasher: Hasher;
  readonly zstd: ZstdDecoder;
  readonly inflate: Inflate;
  /** Accept version 1, which has no root. */
  readonly allowUnverified: boolean;
}

/** What all entries of a snapshot amount to. */
export interface LoadSummary extends Pick<SnapshotSummary, "count" | "root" | "seedRoot"> {
  /** True if the snapshot had no root that its entries could be compared with. */
  readonly unverified: boolean;
  /** False if there were more ids than are remembered: the caller has to look for repeated ones itself. */
  readonly hasAllIds: boolean;
}

/** Entries come in batches, some empty, that take a few milliseconds each; each generator must be iterated to its end. */
export interface LoadReader {
  /** The context that the snapshot is of; known before the first entry. */
  readonly contextId: string;
  /** True once the first byte shows that the snapshot is held in memory until its end. */
  readonly isHeld: boolean;
  push(chunk: Uint8Array): Generator<readonly SnapshotEntry[], void, undefined>;
  /** Yields the entries that were held until the end, and returns once everything has been verified. */
  finish(): Generator<readonly SnapshotEntry[], LoadSummary, undefined>;
}

/**
 * Reads a snapshot of any version; which one shows in its first byte. Throws INVALID_ARGUMENT; after that
 * the reader must not be used. Nothing may become visible before `finish` has returned.
 */
export function createLoadReader(options: LoadReaderOptions): LoadReader {
  let reader: LoadReader | undefined;
  return {
    get contextId() {
      return reader?.contextId ?? "";
    },
    get isHeld() {
      return reader?.isHeld ?? false;
    },
    *push(chunk) {
      const [first] = chunk;
      if (first === undefined) return;
      reader ??=
        first === erlangTermTag ? createFirstImplementationReader(options) : createVersion3Reader(options);
      yield* reader.push(chunk);
    },
    *finish() {
      reader ??= createVersion3Reader(options);
      return yield* reader.finish();
    },
  };
}

function createVersion3Reader({ hasher, zstd }: LoadReaderOptions): LoadReader {
  const reader = createSnapshotReader({ hasher, zstd });
  return {
    get contextId() {
      return reader.header?.contextId ?? "";
    },
    isHeld: false,
    push: (chunk) => reader.push(chunk),
    *finish() {
      // The entries have all come before.
      yield [];
      return { ...reader.finish(), unverified: false, hasAllIds: reader.hasAllIds };
    },
  };
}
