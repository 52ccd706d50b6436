import { expect, test } from "bun:test";

import { hex } from "../../../src/core/hex.ts";
import snapshotVector from "../../vectors/snapshot-v3.json";
import { snapshotOfEntries } from "../../support/ledger-snapshot.ts";
import { vectorEntries } from "../vector-entries.ts";
import { joined, read } from "./snapshot-fixtures.ts";

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
  const { context_id: contextId, created_at_ns: createdAtNs } = snapshotVector;
  const entries = vectorEntries.map(({ entry }) => entry);
  const { bytes } = snapshotOfEntries({ contextId, createdAtNs: BigInt(createdAtNs) }, entries, rawBlock);
  expect(hex(bytes)).toBe(hex(vector));
});

/** Returns a frame of one raw block. */
function rawBlock(plain: Uint8Array): Uint8Array {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32LE(plain.length, 5);
  head.writeUIntLE(plain.length * 8 + 1, 9, 3);
  return joined(head, plain);
}
