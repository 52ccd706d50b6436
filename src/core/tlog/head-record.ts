import { ByteWriter } from "../byte-writer.ts";
import { type Hash, hashBytes } from "../hasher.ts";
import { limits } from "../limits.ts";
import { encodeUtf8 } from "../utf8.ts";
import { RecordReader } from "./record-reader.ts";

/** A context's size and root, as the log of logs has them. */
export interface HeadRecord {
  readonly contextId: string;
  /** At least 1. */
  readonly generation: number;
  /** At least 1. */
  readonly size: number;
  readonly root: Hash;
}

export const headRecordHeader = encodeUtf8("converge-ledger/head/v1\n");
const counts = { min: 1n, max: BigInt(Number.MAX_SAFE_INTEGER) };

/** Returns the bytes whose hash, after a 0x00, is the leaf in the log of logs. */
export function headRecord({ contextId, generation, size, root }: HeadRecord): Uint8Array {
  return new ByteWriter(128).raw(headRecordHeader).text(contextId).u64(generation).u64(size).raw(root).copy();
}

/** Throws INVALID_ARGUMENT unless `bytes` are exactly what {@link headRecord} writes. */
export function parseHeadRecord(bytes: Uint8Array): HeadRecord {
  const reader = new RecordReader(bytes, "Head record");
  reader.header(headRecordHeader);
  const contextId = reader.text("a context id", { min: 1, max: limits.contextIdBytesMax });
  const generation = Number(reader.u64("a generation", counts));
  const size = Number(reader.u64("a size", counts));
  const root = reader.raw(hashBytes, "its root");
  reader.end();
  return { contextId, generation, size, root };
}
