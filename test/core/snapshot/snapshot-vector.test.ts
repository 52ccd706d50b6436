import { expect, test } from "bun:test";

import { hex } from "../../../src/core/hex.ts";
import { createSnapshotWriter } from "../../../src/core/snapshot/snapshot-writer.ts";
import type { Zstd } from "../../../src/core/zstd.ts";
import snapshotVector from "../../vectors/snapshot-v3.json";
import { vectorEntries } from "../vector-entries.ts";
import { hasher, joined, read, zstd } from "./snapshot-fixtures.ts";

const vector = new Uint8Array(Buffer.from(snapshotVector.snapshot_base64, "base64"));

test("a snapshot of another program is read", () => {
  const { entries, summary } = read(vector);
  expect(entries.map(({ contentHash: _hash, ...entry }) => entry)).toEqual(
    vectorEntries.map(({ entry }) => entry),
  );
  const { contextId, createdAtNs, count, lamport, digest } = summary;
  expect({
    context_id: contextId,
    created_at_ns: String(createdAtNs),
    lamport: String(lamport),
    count,
    digest: hex(digest),
  }).toEqual({
    context_id: snapshotVector.context_id,
    created_at_ns: snapshotVector.created_at_ns,
    lamport: snapshotVector.lamport,
    count: snapshotVector.count,
    digest: snapshotVector.digest,
  });
});

test("a snapshot is written to the same bytes as by another program, but for the compression", () => {
  const writer = createSnapshotWriter({
    contextId: snapshotVector.context_id,
    createdAtNs: BigInt(snapshotVector.created_at_ns),
    hasher,
    zstd: uncompressed,
  });
  const chunks = vectorEntries.flatMap(({ entry }) => writer.add(entry));
  expect(hex(joined(...chunks, ...writer.finish().chunks))).toBe(hex(vector));
});

/** Writes frames of one raw block. */
const uncompressed: Zstd = {
  ...zstd,
  compress(plain) {
    const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32LE(plain.length, 5);
    head.writeUIntLE(plain.length * 8 + 1, 9, 3);
    return joined(head, plain);
  },
};
