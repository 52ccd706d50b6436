import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { contentHash, type Entry, sortMetadata } from "../../../src/core/entry.ts";
import { hex } from "../../../src/core/hex.ts";
import { limits } from "../../../src/core/limits.ts";
import { legacyLeaf } from "../../../src/core/merkle/legacy-leaf.ts";
import type { StoredRow } from "../../../src/core/snapshot/block-writer.ts";
import { createSnapshotReader } from "../../../src/core/snapshot/snapshot-reader.ts";
import { createSnapshotWriter } from "../../../src/core/snapshot/snapshot-writer.ts";
import { referenceHasher } from "../../hash/reference-hasher.ts";
import { storedRows } from "../../support/ledger-snapshot.ts";
import entryVectors from "../../vectors/entry-v1.json";
import { vectorEntries } from "../vector-entries.ts";
import {
  contextId,
  hasher,
  read,
  sampleEntries,
  sampleEntry,
  sha256,
  write,
  zstd,
} from "./snapshot-fixtures.ts";
import { naiveTree } from "../merkle/naive-tree.ts";

describe("a snapshot that was written and read", () => {
  test.each([0, 1, 2, 3, 10, 513, 3000])("gives back %d entries, their hashes and their totals", (count) => {
    const entries = sampleEntries(count);
    const { bytes, summary } = write(entries);
    const result = read(bytes);
    expect(result).toEqual({
      entries: entries.map((entry) => ({
        ...entry,
        contentHash: contentHash(contextId, entry, referenceHasher),
      })),
      summary,
    });
    const leaves = entries.map((entry) => contentHash(contextId, entry, referenceHasher));
    const legacyLeaves = entries.map((entry) => legacyLeaf(contextId, entry, referenceHasher));
    expect(summary).toEqual({
      contextId,
      createdAtNs: 1_767_225_700_000_000_000n,
      count,
      latestSequence: count,
      lamport: BigInt(count * 2),
      root: naiveTree("rfc6962", leaves).root(count),
      seedRoot: naiveTree("seed", legacyLeaves).root(count),
      digest: new Uint8Array(sha256(bytes.subarray(0, -32))),
    });
  });

  test("has the roots of the worked example", () => {
    const { summary } = read(write(vectorEntries.map(({ entry }) => entry)).bytes);
    expect([hex(summary.root), hex(summary.seedRoot), summary.lamport]).toEqual([
      entryVectors.rfc6962.roots[3] ?? "",
      entryVectors.seed_over_legacy_hash.roots[3] ?? "",
      43n,
    ]);
  });

  test("takes the largest Lamport time, wherever it is", () => {
    const entries = [5n, 2n ** 62n, 0n].map((lamport, i) => sampleEntry(i + 1, { lamport }));
    expect(read(write(entries).bytes).summary.lamport).toBe(2n ** 62n);
  });

  test.each([1, 2, 7, 89, 4096])("is the same in chunks of %d bytes", (chunkBytes) => {
    const { bytes } = write(sampleEntries(700));
    expect(read(bytes, chunkBytes)).toEqual(read(bytes, bytes.length));
  });

  const unusual: [name: string, changes: Partial<Entry>][] = [
    ["an empty key", { key: "" }],
    ["control characters", { key: "\u0000\n\u0085", metadata: [["\u0000", "\u001b"]] }],
    ["an id of one byte", { id: "x" }],
    ["an id of 128 bytes", { id: "é".repeat(64) }],
    ["a byte-order mark that is text", { key: "\ufeffkey" }],
    ["a payload of 4 MiB", { payload: new Uint8Array(limits.payloadBytesMax).fill(3) }],
    ["a record of 65,535 bytes", { key: "k".repeat(65_535 - recordBytesWithoutKey(sampleEntry(1))) }],
    ["more metadata than an append may have", { metadata: sortMetadata(pairs(300)) }],
    ["the largest time and Lamport time", { appendedAtNs: limits.timeNsMax, lamport: limits.lamportMax }],
  ];
  test.each(unusual)("may have an entry with %s", (_name, changes) => {
    const entries = [sampleEntry(1, changes), sampleEntry(2)];
    const withoutHashes = read(write(entries).bytes).entries.map(({ contentHash: _hash, ...entry }) => entry);
    expect(withoutHashes).toEqual(entries);
  });

  test("is the same for any well-formed entries", () => {
    const string = fc.string({ unit: "binary", maxLength: 20 });
    const entry = fc.record({
      key: string,
      payload: fc.uint8Array({ maxLength: 100 }),
      metadata: fc.dictionary(string, string, { maxKeys: 5 }).map((map) => sortMetadata(Object.entries(map))),
      lamport: fc.bigInt(0n, limits.lamportMax),
      appendedAtNs: fc.bigInt(0n, limits.timeNsMax),
    });
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 30 }),
        fc.integer({ min: 1, max: 300 }),
        (list, chunkBytes) => {
          const entries = list.map((changes, i) => sampleEntry(i + 1, changes));
          const withoutHashes = read(write(entries).bytes, chunkBytes).entries;
          expect(withoutHashes.map(({ contentHash: _hash, ...rest }) => rest)).toEqual(entries);
        },
      ),
    );
  });
});

describe("createSnapshotWriter()", () => {
  test("hands out a block as soon as it is full and holds no more than one", () => {
    const writer = writerOf();
    const sizes: number[] = [];
    for (let i = 1; i <= 40; i += 1) {
      const payload = crypto.getRandomValues(new Uint8Array(60_000));
      const blocks = writer.add(storedRows(contextId, [sampleEntry(i, { payload })]));
      sizes.push(blocks.reduce((sum, block) => sum + block.length, 0));
    }
    const full = sizes.flatMap((size, i) => (size > 0 ? [i + 1] : []));
    expect(full).toEqual([18, 35]);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.snapshotBlockBytes);
  });

  test("gives the same bytes whether entries come one by one or together", () => {
    const rows = storedRows(contextId, [
      ...sampleEntries(600),
      sampleEntry(601, { payload: new Uint8Array(3 * 1024 * 1024) }),
      sampleEntry(602),
    ]);
    const together = writerOf();
    const alone = writerOf();
    const blocks = [...rows.flatMap((row) => alone.add([row])), ...alone.rest()];
    expect([...together.add(rows), ...together.rest()]).toEqual(blocks);
    expect(together.finish().summary.root).toEqual(alone.finish().summary.root);
  });

  test("puts an entry over 1 MiB into a block of its own", () => {
    const large = sampleEntry(2, { payload: new Uint8Array(2 * 1024 * 1024) });
    const { bytes } = write([sampleEntry(1), large, sampleEntry(3)]);
    const plainSizes: number[] = [];
    const spy = {
      ...zstd,
      decompress: (...args: Parameters<typeof zstd.decompress>) => {
        plainSizes.push(args[1].plainBytes);
        return zstd.decompress(...args);
      },
    };
    const reader = createSnapshotReader({ hasher, zstd: spy });
    const entries = [...reader.push(bytes)].flat();
    expect([plainSizes.map((size) => size > 1024 * 1024), entries.length]).toEqual([[false, true, false], 3]);
  });

  test.each([0, 2])("refuses sequence %d as the first, which is a mistake of its caller", (sequence) => {
    expect(() => writerOf().add(storedRows(contextId, [sampleEntry(sequence)]))).toThrow("assertion failed");
  });

  test("refuses a stored entry in which any bit of any byte is another", () => {
    const [row] = storedRows(contextId, [sampleEntry(1)]) as [StoredRow];
    for (let i = 0; i < row.wire.length; i += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const wire = row.wire.slice();
        wire[i] = (wire[i] ?? 0) ^ (1 << bit);
        expect(() => writerOf().add([{ ...row, wire }])).toThrow("entry 1 is damaged");
      }
    }
  });

  const other = storedRows(contextId, [sampleEntry(1, { key: "other" })]) as [StoredRow];
  const damages: [name: string, changes: Partial<StoredRow>][] = [
    ["another hash", { contentHash: other[0].contentHash }],
    ["a hash that is too short", { contentHash: new Uint8Array(31) }],
    ["the bytes of another entry", { wire: other[0].wire }],
    ["no bytes", { wire: new Uint8Array(0) }],
    ["a field of an unknown number", { wire: Uint8Array.of(0x7a, 0) }],
    ["a payload of 4 GiB", { wire: Uint8Array.of(0x0a, 1, 0x78, 0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f) }],
    ["an integer without end", { wire: Uint8Array.of(0x20, ...new Uint8Array(20).fill(0x80)) }],
    ["metadata of another length", { wire: Uint8Array.of(0x20, 1, 0x28, 1, 0x32, 9, 0x0a, 0, 0x12, 0) }],
    ["metadata without end", { wire: metadataOnly(200_000) }],
  ];
  test.each(damages)("refuses the stored entry that has %s, and names it", (_name, changes) => {
    const rows = storedRows(contextId, sampleEntries(3)).map((row, i) =>
      i === 1 ? { ...row, ...changes } : row,
    );
    expect(() => writerOf().add(rows)).toThrow("entry 2 is damaged");
  });
});

function writerOf(): ReturnType<typeof createSnapshotWriter> {
  const damaged = (sequence: number) => new Error(`entry ${sequence} is damaged`);
  return createSnapshotWriter({ contextId, createdAtNs: 1n, hasher, damaged });
}

/** The encoding of an entry without anything but empty pairs. */
function metadataOnly(pairs: number): Uint8Array {
  return new Uint8Array(
    Buffer.concat([Buffer.of(0x20, 1, 0x28, 1), ...Array.from({ length: pairs }, () => pair)]),
  );
}

const pair = Buffer.of(0x32, 4, 0x0a, 0, 0x12, 0);

function recordBytesWithoutKey(entry: Entry): number {
  const metadata = entry.metadata.flat().map((part) => 4 + Buffer.byteLength(part));
  const texts = [contextId, entry.id, ""].map((part) => 4 + Buffer.byteLength(part));
  return 25 + [...texts, ...metadata].reduce((sum, bytes) => sum + bytes, 0) + 3 * 8 + 4 + 8 + 32;
}

function pairs(count: number): [string, string][] {
  return Array.from({ length: count }, (_, i) => [`name-${i}`, "v".repeat(100)]);
}
