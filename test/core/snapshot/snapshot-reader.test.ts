import { describe, expect, test } from "bun:test";

import { LedgerError } from "../../../src/core/errors.ts";
import { hex } from "../../../src/core/hex.ts";
import { limits } from "../../../src/core/limits.ts";
import { createSnapshotReader } from "../../../src/core/snapshot/snapshot-reader.ts";
import {
  anyEnd,
  block,
  contextId,
  endAndDigestBytes,
  hasher,
  header,
  joined,
  rawEntry,
  type RawEntry,
  read,
  refusal,
  sampleEntries,
  sampleEntry,
  sealed,
  text,
  u32,
  u64,
  write,
  zstd,
} from "./snapshot-fixtures.ts";

const valid = write(sampleEntries(5));
const body = valid.bytes.subarray(0, -endAndDigestBytes);

describe("createSnapshotReader() refuses a header", () => {
  const magic = Buffer.from("CLSNAP3\n");
  const table: [name: string, bytes: Uint8Array, refused: string][] = [
    ["that is not one", Buffer.from('{"a": "snapshot"}'), "begins with the bytes 7b2261223a202273"],
    [
      "of a later magic",
      Buffer.from("CLSNAP4\n____"),
      "VERSION_UNSUPPORTED: Snapshot is version 4, and only versions 1 to 3 can be loaded",
    ],
    [
      "of version 4",
      joined(magic, u32(4)),
      "VERSION_UNSUPPORTED: Snapshot is version 4, and only versions 1 to 3 can be loaded",
    ],
    ["of version 0", joined(magic, u32(0)), "VERSION_UNSUPPORTED: Snapshot is version 0"],
    ["without context id", joined(magic, u32(3), text("")), "its context id has 0 bytes, not 1 to 1024"],
    ["with a context id of 1,025 bytes", joined(magic, u32(3), u32(1025)), "its context id has 1025 bytes"],
    [
      "with a context id of 4 GiB",
      joined(magic, u32(3), u32(2 ** 32 - 1)),
      "its context id has 4294967295 bytes",
    ],
    [
      "with invalid UTF-8",
      joined(magic, u32(3), text(new Uint8Array([0xc0, 0x80])), u64(1n)),
      "not valid UTF-8",
    ],
  ];
  test.each(table)("%s", (_name, bytes, refused) => {
    expect(refusal(bytes)).toContain(refused);
  });
});

describe("createSnapshotReader() refuses a block", () => {
  const entry = rawEntry();
  const plainMax = 4 + 65_535 + 4 * 1024 * 1024;
  const mebibyte = rawEntry({ payload: new Uint8Array(1024 * 1024) });
  const second = rawEntry({ id: "2", sequence: 2n });
  const table: [name: string, bytes: Uint8Array, refused: string][] = [
    [
      "of an unknown kind",
      new Uint8Array([3]),
      `byte ${header.length} is 3, neither a block (1) nor the end (2)`,
    ],
    ["without content", block(entry, { plain: 0 }), `block at byte ${header.length} declares 0 plain bytes`],
    ["that declares too much", block(entry, { plain: plainMax + 1 }), `declares ${plainMax + 1} plain bytes`],
    ["that declares 4 GiB", block(entry, { plain: 2 ** 32 - 1 }), "declares 4294967295 plain bytes"],
    ["without frame", block(entry, { frame: 0 }), "declares 0 compressed bytes"],
    [
      "whose frame is far longer than its content",
      block(entry, { frame: entry.length + 65_537 }),
      "compressed bytes",
    ],
    ["whose frame is 4 GiB", block(entry, { frame: 2 ** 32 - 1 }), "declares 4294967295 compressed bytes"],
    ["that holds more than it declares", block(entry, { plain: entry.length - 1 }), "cannot be unpacked"],
    ["that holds less than it declares", block(entry, { plain: entry.length + 1 }), "cannot be unpacked"],
    [
      "whose frame is something else",
      joined(new Uint8Array([1]), u32(4), u32(9), u32(9)),
      "not a zstd frame",
    ],
    ["over 1 MiB with two entries", block(joined(mebibyte, second)), "entry 1 (in the block at byte"],
    [
      "over 1 MiB with two entries, the large one last",
      block(joined(entry, rawEntry({ ...large(), id: "2", sequence: 2n }))),
      "shares a block of over 1048576 bytes",
    ],
  ];
  test.each(table)("%s", (_name, bytes, refused) => {
    expect(refusal(sealed(header, bytes, anyEnd))).toContain(refused);
  });

  function large(): Partial<RawEntry> {
    return { payload: new Uint8Array(1024 * 1024) };
  }
});

describe("createSnapshotReader() refuses an entry", () => {
  const invalid = new Uint8Array([0x61, 0xff]);
  const surrogate = new Uint8Array([0xed, 0xa0, 0x80]);
  const table: [name: string, changes: Partial<RawEntry>, refused: string][] = [
    [
      "with another record version",
      { recordHeader: "converge-ledger/entry/v2\n" },
      "has no record of version 1",
    ],
    ["of another context", { contextId: "audit/2026 è" }, "belongs to another context"],
    ["of a context with a longer id", { contextId: `${contextId}x` }, "belongs to another context"],
    ["without id", { id: "" }, "has an empty id"],
    ["with an id of 129 bytes", { id: "x".repeat(129) }, "SNAPSHOT_LIMIT: Snapshot has an id (entry 1 "],
    ["with invalid UTF-8 in its id", { id: invalid }, "has invalid UTF-8 in id"],
    ["with invalid UTF-8 in its key", { key: surrogate }, "has invalid UTF-8 in its key"],
    [
      "with invalid UTF-8 in a metadata name",
      { metadata: [[invalid, ""]] },
      "has invalid UTF-8 in a metadata name",
    ],
    [
      "with invalid UTF-8 in a metadata value",
      { metadata: [["", invalid]] },
      "has invalid UTF-8 in a metadata value",
    ],
    [
      "with metadata out of order",
      {
        metadata: [
          ["b", ""],
          ["a", ""],
        ],
      },
      "metadata names that do not ascend",
    ],
    [
      "with UTF-16 order of metadata",
      {
        metadata: [
          ["😀", ""],
          ["～", ""],
        ],
      },
      "metadata names that do not ascend",
    ],
    [
      "with one metadata name twice",
      {
        metadata: [
          ["a", "1"],
          ["a", "2"],
        ],
      },
      "metadata names that do not ascend",
    ],
    ["with more metadata than declared", { metadata: [["a", "1"]], metadataCount: 0 }, "SNAPSHOT_"],
    ["with less metadata than declared", { metadataCount: 2 ** 32 - 1 }, "SNAPSHOT_DAMAGED"],
    ["that begins at sequence 0", { sequence: 0n }, "entry 1 (in the block at byte 37) has sequence 0"],
    ["that begins at sequence 2", { sequence: 2n }, "has sequence 2"],
    ["with sequence 2^53 + 1", { sequence: 2n ** 53n + 1n }, "has sequence 9007199254740993"],
    [
      "with a time of 2^63",
      { appendedAtNs: 2n ** 63n },
      "has appended_at_ns 9223372036854775808, not below 2^63",
    ],
    [
      "with a Lamport time over 2^62",
      { lamport: 2n ** 62n + 1n },
      "has Lamport time 4611686018427387905, above 2^62",
    ],
    ["with another payload hash", { payloadHash: new Uint8Array(32) }, "has a payload of another hash"],
    [
      "with a payload over 4 MiB",
      { payloadBytes: 4n * 1024n * 1024n + 1n },
      "SNAPSHOT_LIMIT: Snapshot has a payload",
    ],
    [
      "with a payload of 2^64 − 1 bytes",
      { payloadBytes: 2n ** 64n - 1n },
      "SNAPSHOT_LIMIT: Snapshot has a payload",
    ],
    ["with a payload that is too short", { payloadBytes: 4n }, "ends in its payload"],
    [
      "with bytes after the record's end",
      { extra: new Uint8Array(1) },
      "bytes after the last field of its record",
    ],
    [
      "with a record of 65,536 bytes",
      { key: "k".repeat(65_537 - (rawEntry().length - 7)) },
      "SNAPSHOT_LIMIT: Snapshot has a record (entry 1 ",
    ],
  ];
  test.each(table)("%s", (_name, changes, refused) => {
    expect(refusal(sealed(header, block(rawEntry(changes)), anyEnd))).toContain(refused);
  });

  test.each([0, 3, 30, 100])("that stops after %d bytes", (bytes) => {
    const plain = joined(rawEntry(), rawEntry({ id: "2", sequence: 2n }).subarray(0, bytes));
    const refused = bytes === 0 ? "its end says count 0" : "entry 2 (in the block at byte 37) ends in";
    expect(refusal(sealed(header, block(plain), anyEnd))).toContain(refused);
  });

  const followers: [name: string, changes: Partial<RawEntry>, refused: string][] = [
    [
      "with the sequence before",
      { id: "2", sequence: 1n },
      "entry 2 (in the block at byte 37) has sequence 1",
    ],
    ["after a gap", { id: "2", sequence: 3n }, "has sequence 3"],
    [
      "with an id that was used",
      { id: "1", sequence: 2n },
      "entry 2 (in the block at byte 37) has the id of an entry",
    ],
  ];
  test.each(followers)("%s", (_name, changes, refused) => {
    expect(refusal(sealed(header, block(joined(rawEntry(), rawEntry(changes))), anyEnd))).toContain(refused);
  });

  test("with an id that was used in a block before", () => {
    const blocks = [block(rawEntry({ id: "same" })), block(rawEntry({ id: "same", sequence: 2n }))];
    expect(refusal(sealed(header, ...blocks, anyEnd))).toContain("has the id of an entry before it");
  });
});

describe("createSnapshotReader() refuses an end", () => {
  const { root, seedRoot } = valid.summary;
  const end = { count: 5n, latest: 5n, lamport: 10n, seedRoot, root };
  const wrong = new Uint8Array(32);
  const table: [name: string, changes: Partial<typeof end>, refused: string][] = [
    ["with another count", { count: 6n }, "its end says count 6, and its entries give 5"],
    [
      "with another latest sequence",
      { latest: 4n },
      "its end says latest sequence 4, and its entries give 5",
    ],
    ["with a larger Lamport time", { lamport: 11n }, "its end says Lamport time 11, and its entries give 10"],
    ["with a smaller Lamport time", { lamport: 9n }, "its end says Lamport time 9, and its entries give 10"],
    [
      "with another seed root",
      { seedRoot: wrong },
      "SNAPSHOT_ROOT_MISMATCH: Snapshot is damaged: its seed root is 00",
    ],
    [
      "with another rfc6962 root",
      { root: wrong },
      "SNAPSHOT_ROOT_MISMATCH: Snapshot is damaged: its rfc6962 root is",
    ],
    [
      "with its roots exchanged",
      { root: seedRoot, seedRoot: root },
      `its seed root is ${hex(root)} and its entries give`,
    ],
  ];
  test.each(table)("%s", (_name, changes, refused) => {
    expect(refusal(sealed(body, encoded({ ...end, ...changes })))).toContain(refused);
  });

  test("but not the right one", () => {
    expect(refusal(sealed(body, encoded(end)))).toBe("accepted");
  });

  test("with another digest", () => {
    const bytes = joined(body, encoded(end), wrong);
    expect(refusal(bytes)).toContain("its last 32 bytes are not the SHA-256 of the bytes before");
  });

  test.each([1, 2, 1000])("with %d bytes after it", (extra) => {
    const refused = `it goes on after its end at byte ${valid.bytes.length}`;
    expect(refusal(joined(valid.bytes, new Uint8Array(extra)))).toContain(refused);
  });

  test("with bytes after it that come in a chunk of their own", () => {
    const reader = createSnapshotReader({ hasher, zstd });
    for (const _ of reader.push(valid.bytes));
    expect(() => [...reader.push(new Uint8Array(1))]).toThrow("goes on after its end");
  });

  function encoded({ count, latest, lamport, seedRoot: first, root: last }: typeof end): Uint8Array {
    return joined(new Uint8Array([2]), u64(count), u64(latest), u64(lamport), first, last);
  }
});

describe("createSnapshotReader()", () => {
  test("refuses every snapshot that is cut off", () => {
    for (let length = 0; length < valid.bytes.length; length += 1) {
      expect([length, refusal(valid.bytes.subarray(0, length))]).toEqual([
        length,
        expect.stringMatching(
          new RegExp(`^SNAPSHOT_TRUNCATED: Snapshot ends too early: it has ${length} bytes and`),
        ),
      ]);
    }
  });

  test("refuses a snapshot in which any bit of any byte is another", () => {
    const bytes = valid.bytes.slice();
    for (let i = 0; i < bytes.length; i += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const byte = bytes[i] ?? 0;
        bytes[i] = byte ^ (1 << bit);
        expect([i, bit, refusal(bytes)]).toEqual([
          i,
          bit,
          expect.stringMatching(/^SNAPSHOT_[A-Z_]+: Snapshot /),
        ]);
        bytes[i] = byte;
      }
    }
    expect(refusal(bytes)).toBe("accepted");
  });

  test("refuses a snapshot with a byte too much anywhere", () => {
    for (let i = 0; i <= valid.bytes.length; i += 1) {
      const longer = joined(valid.bytes.subarray(0, i), new Uint8Array([7]), valid.bytes.subarray(i));
      expect([i, refusal(longer)]).toEqual([i, expect.stringMatching(/^SNAPSHOT_/)]);
    }
  });

  test("refuses sizes before it allocates for them or waits for the bytes", () => {
    const reader = createSnapshotReader({ hasher, zstd });
    const sizes = joined(header, new Uint8Array([1]), u32(2 ** 32 - 1), u32(2 ** 32 - 1));
    expect(() => [...reader.push(sizes)]).toThrow("declares 4294967295 plain bytes");
  });

  test("unpacks one block at a time, so that a small chunk cannot fill the memory", () => {
    const zeros = (sequence: number) =>
      block(
        rawEntry({ id: `${sequence}`, sequence: BigInt(sequence), payload: new Uint8Array(1024 * 1024) }),
      );
    const chunk = joined(header, ...Array.from({ length: 50 }, (_, i) => zeros(i + 1)));
    expect(chunk.length).toBeLessThan(20_000);
    let unpacked = 0;
    const counting = {
      ...zstd,
      decompress: (...args: Parameters<typeof zstd.decompress>) => (
        (unpacked += 1),
        zstd.decompress(...args)
      ),
    };
    const seen: [entries: number, unpacked: number][] = [];
    let entries = 0;
    for (const batch of createSnapshotReader({ hasher, zstd: counting }).push(chunk)) {
      entries += batch.length;
      if (batch.length > 0) seen.push([entries, unpacked]);
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => [i + 1, i + 1]));
  });

  test("hands out at most as many entries as may be verified in one turn", () => {
    const { bytes } = write(sampleEntries(1500));
    const sizes = [...createSnapshotReader({ hasher, zstd }).push(bytes)].map((batch) => batch.length);
    expect([Math.max(...sizes), sizes.reduce((sum, size) => sum + size, 0)]).toEqual([
      limits.snapshotTurnEntries,
      1500,
    ]);
  });

  test("knows the header before the first entry", () => {
    const reader = createSnapshotReader({ hasher, zstd });
    expect(reader.header).toBeUndefined();
    for (const _ of reader.push(valid.bytes.subarray(0, header.length)));
    expect(reader.header).toEqual({ contextId, createdAtNs: valid.summary.createdAtNs });
  });

  test("asks the given set about ids", () => {
    const asked: string[] = [];
    const add = (bytes: Uint8Array, start: number, end: number) =>
      asked.push(new TextDecoder().decode(bytes.subarray(start, end))) !== 3;
    const ids = { add, isComplete: true };
    const reader = createSnapshotReader({ hasher, zstd, ids });
    expect(() => [...reader.push(valid.bytes)]).toThrow(
      "entry 3 (in the block at byte 37) has the id of an entry",
    );
    expect(asked).toEqual([1, 2, 3].map((sequence) => sampleEntry(sequence).id));
  });

  test("keeps the error of zstd as the cause", () => {
    const cause = new Error("no memory");
    const failing = {
      ...zstd,
      decompress: () => {
        throw cause;
      },
    };
    expect(() => [...createSnapshotReader({ hasher, zstd: failing }).push(valid.bytes)]).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        cause,
        message: expect.stringContaining("no memory"),
      }),
    );
  });

  test("reads blocks however they are divided, and frames that do not declare their size", () => {
    const entries = valid.summary.count;
    const plain = [1n, 2n].map((sequence) => rawEntry({ id: `${sequence}`, sequence, lamport: sequence }));
    expect(entries).toBe(5);
    const whole = refusal(sealed(header, block(joined(...plain)), anyEnd));
    const divided = refusal(sealed(header, ...plain.map((part) => block(part)), anyEnd));
    const undeclared = refusal(sealed(header, ...plain.map(blockWithoutSize), anyEnd));
    expect([divided, undeclared]).toEqual([whole, whole]);
    expect(whole).toContain("its end says count 0, and its entries give 2");
  });

  test("must not be used after it failed", () => {
    const reader = createSnapshotReader({ hasher, zstd });
    expect(() => [...reader.push(new Uint8Array(20))]).toThrow("Snapshot");
    expect(() => [...reader.push(new Uint8Array(20))]).toThrow("assertion failed");
    expect(() => reader.finish()).toThrow("assertion failed");
  });

  test("reads an empty snapshot", () => {
    expect(read(write([]).bytes).entries).toEqual([]);
  });
});

/** A frame with a window instead of a content size, and one raw block. */
function blockWithoutSize(plain: Uint8Array): Uint8Array {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0b0101_0000, 0, 0, 0]);
  head.writeUIntLE(plain.length * 8 + 1, 6, 3);
  const frame = joined(head, plain);
  return joined(new Uint8Array([1]), u32(frame.length), u32(plain.length), frame);
}
