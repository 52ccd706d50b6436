import { createHash } from "node:crypto";
import type { Json } from "./interop-client.ts";

/**
 * Returns the content hash that an entry in ProtoJSON must have, in base64. Written from the description of the
 * record and not from the code of the ledger, so that the two check each other.
 */
export function expectedEntryHash(contextId: string, entry: Json): string {
  const {
    id,
    key,
    payload = "",
    sequence,
    appendedAtNs,
    lamport = "0",
    metadata = {},
  } = entry as unknown as EntryJson;
  const content = Buffer.from(payload, "base64");
  const pairs = Object.entries(metadata).map(
    ([name, value]) => [Buffer.from(name), Buffer.from(value)] as const,
  );
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  const record = [
    Buffer.from("\0converge-ledger/entry/v1\n"),
    ...[contextId, id, key].map((text) => prefixed(Buffer.from(text))),
    ...[sequence, appendedAtNs, lamport].map((number) => u64(BigInt(number))),
    u32(pairs.length),
    ...pairs.flat().map(prefixed),
    u64(BigInt(content.length)),
    createHash("sha256").update(content).digest(),
  ];
  return createHash("sha256").update(Buffer.concat(record)).digest("base64");
}

interface EntryJson {
  readonly id: string;
  readonly key: string;
  readonly payload?: string;
  readonly sequence: string;
  readonly appendedAtNs: string;
  readonly lamport?: string;
  readonly metadata?: Record<string, string>;
}

function prefixed(bytes: Buffer): Buffer {
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
