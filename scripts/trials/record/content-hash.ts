import { createHash } from "node:crypto";

/** An entry in ProtoJSON, whole. */
export interface EntryJson {
  readonly id: string;
  readonly key: string;
  readonly payload?: string;
  readonly sequence: string;
  readonly appendedAtNs: string;
  readonly lamport?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentHash: string;
}

/** Returns the hash that an entry must have, in base64, as docs/api.md describes it: not with the code of the ledger. */
export function contentHashOf(contextId: string, entry: EntryJson): string {
  const { id, key, payload = "", sequence, appendedAtNs, lamport = "0", metadata = {} } = entry;
  const content = Buffer.from(payload, "base64");
  const pairs = Object.entries(metadata).map(
    ([name, value]) => [Buffer.from(name), Buffer.from(value)] as const,
  );
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  const record = [
    Buffer.from("\0converge-ledger/entry/v1\n"),
    ...[contextId, id, key].map((text) => withLength(Buffer.from(text))),
    ...[sequence, appendedAtNs, lamport].map(u64),
    u32(pairs.length),
    ...pairs.flat().map(withLength),
    u64(String(content.length)),
    createHash("sha256").update(content).digest(),
  ];
  return createHash("sha256").update(Buffer.concat(record)).digest("base64");
}

function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
