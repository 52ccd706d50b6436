/**
 * What the snapshot writer and reader share. All integers are big-endian:
 *
 * ```
 * "CLSNAP3" 0x0A · u32 version (3) · u32 length, context id · created_at_ns u64
 * blocks: 0x01 · u32 compressed length · u32 plain length · one zstd frame
 *    plain = entries back to back, ascending: u32 record length · record · payload
 * end:    0x02 · count u64 · latest sequence u64 · Lamport time u64 · seed root 32 · rfc6962 root 32
 * SHA-256 of every byte before it, 32 bytes; then end of file
 * ```
 *
 * @module
 */

import type { Hash } from "../hasher.ts";
import { limits } from "../limits.ts";
import { encodeUtf8 } from "../utf8.ts";

export const snapshotMagic = encodeUtf8("CLSNAP3\n");
export const snapshotVersion = 3;
export const blockTag = 1;
export const endTag = 2;
/** Bytes of the end after its tag, without the digest. */
export const endBytes = 3 * 8 + 2 * 32;

/** Plain bytes of a block that holds the largest possible entry. */
export const plainBytesMax = 4 + limits.recordBytesMax + limits.payloadBytesMax;

export interface SnapshotHeader {
  readonly contextId: string;
  readonly createdAtNs: bigint;
}

export interface SnapshotSummary extends SnapshotHeader {
  /** Entries, which is also the latest sequence because there are no gaps. */
  readonly count: number;
  readonly latestSequence: number;
  /** The largest Lamport time of the entries; 0 if there are none. */
  readonly lamport: bigint;
  /** Of the rfc6962 profile over the content hashes. */
  readonly root: Hash;
  /** Of the seed profile over the legacy leaves. */
  readonly seedRoot: Hash;
  /** SHA-256 of all bytes before it. */
  readonly digest: Hash;
}
