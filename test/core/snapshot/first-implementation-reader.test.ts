import zlib from "node:zlib";

import { describe, expect, test } from "bun:test";

import { contentHash } from "../../../src/core/entry.ts";
import { hex } from "../../../src/core/hex.ts";
import { limits } from "../../../src/core/limits.ts";
import { createLoadReader } from "../../../src/core/snapshot/load-reader.ts";
import { inflate } from "../../../src/node/inflate.ts";
import {
  atom,
  binary,
  type Fields,
  firstEntries,
  firstEntry,
  firstSnapshot,
  integer,
  leafOf,
  list,
  map,
  nil,
  oldAtom,
  outerFields,
  packed,
  plain,
  readAny,
  refusalOfAny,
  rootOfFirst,
  termOf,
  version1,
} from "./first-implementation-fixtures.ts";
import { hasher, joined, u32, write, sampleEntries, zstd } from "./snapshot-fixtures.ts";

const three = firstEntries(3);
const valid = firstSnapshot(three);
const MiB = 1024 * 1024;

describe("createLoadReader()", () => {
  test("reads version 2, packed and not, in chunks of any size", () => {
    for (const blob of [valid, packed(termOf(valid))]) {
      for (const chunkBytes of [1, 7, blob.length]) {
        const { entries, ...rest } = readAny(blob, { chunkBytes });
        expect(rest).toMatchObject({ contextId: "ctx", count: 3, unverified: false });
        expect(hex(rest.seedRoot)).toBe(hex(rootOfFirst(3)));
        expect(entries.map(({ id, sequence, lamport }) => [id.at(-1), sequence, lamport])).toEqual([
          ["1", 1, 2n],
          ["2", 2, 4n],
          ["3", 3, 6n],
        ]);
        for (const entry of entries)
          expect(hex(entry.contentHash)).toBe(hex(contentHash("ctx", entry, hasher)));
      }
    }
  });

  test("reads version 3 as its own reader does, whether or not version 1 is allowed", () => {
    const { bytes, summary } = write(sampleEntries(3));
    for (const allowUnverified of [false, true]) {
      const { entries, ...rest } = readAny(bytes, { allowUnverified });
      expect(entries).toHaveLength(3);
      expect(rest).toMatchObject({ contextId: summary.contextId, root: summary.root, unverified: false });
    }
  });

  test("takes the fields in any order, with atoms of either form, and integers of every form", () => {
    const fields = Object.entries(
      outerFields(three, { sequence: joined(Uint8Array.of(98), u32(3)) }),
    ).toReversed();
    const blob = plain(map(Object.fromEntries(fields), oldAtom));
    expect(readAny(blob).count).toBe(3);
    const entry = firstEntry(1, { sequence: Uint8Array.of(110, 2, 0, 1, 0) });
    expect(readAny(firstSnapshot([entry])).count).toBe(1);
  });

  test("sorts metadata by the bytes of its names", () => {
    const metadata = map({ "😀": binary("1"), "｡": binary("2"), a: binary("3") }, binary);
    const [entry] = readAny(firstSnapshot([firstEntry(1, { metadata })])).entries;
    expect(entry?.metadata.map(([name]) => name)).toEqual(["a", "｡", "😀"]);
  });

  test("takes an entry without Lamport time or hash, or with nil for them", () => {
    for (const none of [undefined, nil, oldAtom("nil")]) {
      const [entry] = readAny(
        firstSnapshot([firstEntry(1, { lamport_clock: none, content_hash: none })]),
      ).entries;
      expect(entry?.lamport).toBe(0n);
    }
  });

  test("takes an empty key and the id of an empty context: the first implementation did", () => {
    const empty = firstSnapshot([], { context_id: binary("") });
    expect(readAny(empty)).toMatchObject({ contextId: "", count: 0, unverified: false });
    const blob = firstSnapshot([firstEntry(1, { key: binary(""), content_hash: nil })], version1);
    expect(readAny(blob, { allowUnverified: true }).entries[0]?.key).toBe("");
  });

  test("takes version 1 only if it may be unverified, and says so", () => {
    const old = three.map((fields) => ({ ...fields, lamport_clock: undefined, content_hash: undefined }));
    const blob = firstSnapshot(old, version1);
    expect(refusalOfAny(blob)).toBe(
      "SNAPSHOT_UNVERIFIED: Snapshot is version 1, which has no root: nothing shows that its entries are right; " +
        "set allow_unverified if you trust where it comes from",
    );
    expect(readAny(blob, { allowUnverified: true })).toMatchObject({ count: 3, unverified: true });
  });

  test("holds version 2 to its root also if version 1 would be allowed", () => {
    const wrong = firstSnapshot(three, { merkle_root: binary(rootOfFirst(2)) });
    expect(refusalOfAny(wrong, { allowUnverified: true })).toStartWith("SNAPSHOT_ROOT_MISMATCH: ");
    for (const merkle_root of [undefined, nil, oldAtom("nil")])
      expect(refusalOfAny(firstSnapshot(three, { merkle_root }), { allowUnverified: true })).toStartWith(
        "SNAPSHOT_ROOT_MISSING: ",
      );
  });

  test("gives turns while it reads many entries", () => {
    const count = 2000;
    const reader = createLoadReader({ hasher, zstd, inflate, allowUnverified: false });
    for (const _ of reader.push(packed(termOf(firstSnapshot(firstEntries(count))))));
    const sizes = [...reader.finish()].map((batch) => batch.length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(count);
    expect(Math.max(...sizes)).toBe(limits.snapshotTurnEntries);
  });
});

const one = (changes: Fields): Uint8Array => firstSnapshot([firstEntry(1, changes)]);
const big = (bytes: number): Uint8Array => binary(new Uint8Array(bytes).fill(97));
const pid = Uint8Array.of(88, ...atom("n@h"), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1);

describe("createLoadReader() refuses", () => {
  const outer = "DAMAGED: Snapshot is damaged: its outer map";
  const first = "DAMAGED: Snapshot is damaged: entry 1";
  const table: [string, Uint8Array, string][] = [
    ["what is no map", plain(list(valid)), `${outer}: "snapshot" is no map: byte 1 is the tag 108`],
    [
      "bytes after the term",
      joined(valid, new Uint8Array(1)),
      `it goes on after the end of its term at byte ${valid.length}`,
    ],
    [
      "bytes after a packed term",
      packed(joined(termOf(valid), new Uint8Array(1))),
      `it goes on after the end`,
    ],
    ["bytes after the packing", joined(packed(termOf(valid)), new Uint8Array(1)), "it cannot be unpacked: "],
    [
      "a packed term in a packed term",
      packed(packed(termOf(valid)).subarray(1)),
      `${outer}: "snapshot" is no map: byte 0 is the tag 80`,
    ],
    [
      "a packed term of less than it says",
      packed(termOf(valid), termOf(valid).length + 1),
      "it cannot be unpacked: ",
    ],
    [
      "a packed term of more than it says",
      packed(termOf(valid), termOf(valid).length - 1),
      "it cannot be unpacked: ",
    ],
    [
      "a packed term that ends too early",
      packed(termOf(valid).subarray(0, -1)),
      "its term ends in its outer map",
    ],
    [
      "names that are text",
      plain(map(outerFields(three), binary)),
      `${outer}: "name of a field" is no atom: byte 6 is the tag 109`,
    ],
    [
      "a field twice",
      plain(joined(Uint8Array.of(116), u32(2), atom("version"), integer(2), atom("version"), integer(2))),
      `${outer}: has "version" twice`,
    ],
    [
      "too many fields",
      plain(map(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, nil])))),
      `${outer}: has 65 fields`,
    ],
    [
      "another field",
      firstSnapshot(three, { more: nil }),
      `${outer}: has the field "more", which version 2 has not`,
    ],
    [
      "a root in version 1",
      firstSnapshot(three, { version: integer(1) }),
      `${outer}: has the field "merkle_root", which version 1 has not`,
    ],
    [
      "a version of -1",
      firstSnapshot(three, { version: integer(-1) }),
      "VERSION_UNSUPPORTED: Snapshot is an Erlang external term of version -1",
    ],
    [
      "a version of 2^64-1",
      firstSnapshot(three, { version: integer(2n ** 64n - 1n) }),
      "VERSION_UNSUPPORTED: Snapshot is an Erlang external term of version 18446744073709551615",
    ],
    [
      "a version that is text",
      firstSnapshot(three, { version: binary("2") }),
      `${outer}: "version" is no integer of up to 64 bits: byte `,
    ],
    ["no context_id", firstSnapshot(three, { context_id: undefined }), `${outer}: has no context_id`],
    [
      "a context_id that is nil",
      firstSnapshot(three, { context_id: nil }),
      `${outer}: "context_id" is no binary`,
    ],
    [
      "a context_id that is a process",
      firstSnapshot(three, { context_id: pid }),
      `${outer}: "a value" is no term that a snapshot has: byte `,
    ],
    [
      "a long context_id",
      firstSnapshot(three, { context_id: big(1025) }),
      `${outer}: has a context_id of 1025 bytes, over 1024`,
    ],
    [
      "a context_id that is no text",
      firstSnapshot(three, { context_id: binary(Uint8Array.of(0xff)) }),
      `${outer}: has invalid UTF-8 in its context_id`,
    ],
    ["no entries", firstSnapshot(three, { entries: undefined }), `${outer}: has no entries`],
    [
      "an improper list",
      firstSnapshot([], {
        entries: joined(Uint8Array.of(108), u32(1), map(firstEntry(1)), integer(1)),
        sequence: integer(1),
      }),
      `${outer}: "entries" is an improper list`,
    ],
    [
      "a string for a list",
      firstSnapshot([], { entries: Uint8Array.of(107, 0, 1, 1) }),
      `${outer}: "a value" is no term that a snapshot has: byte `,
    ],
    [
      "a list of nothing that is no empty list",
      firstSnapshot([], { entries: Uint8Array.of(108, 0, 0, 0, 0, 106) }),
      `${outer}: "entries" is a list without elements`,
    ],
    [
      "a sequence above the entries",
      firstSnapshot(three, { sequence: integer(4) }),
      `${outer}: has sequence 4 and 3 entries`,
    ],
    [
      "a root of 31 bytes",
      firstSnapshot(three, { merkle_root: big(31) }),
      `${outer}: has a merkle_root of 31 bytes, not 32`,
    ],
    [
      "the root of other entries",
      firstSnapshot(three, { merkle_root: binary(rootOfFirst(4)) }),
      "ROOT_MISMATCH: Snapshot is damaged: its seed root is ",
    ],
    [
      "a doubled last entry, which has the same root",
      firstSnapshot([...three, firstEntry(3)], { merkle_root: binary(rootOfFirst(3)) }),
      "entry 4: has sequence 3",
    ],
    ["a gap", firstSnapshot([firstEntry(1), firstEntry(3)]), "entry 2: has sequence 3"],
    ["entries in another order", firstSnapshot([firstEntry(2), firstEntry(1)]), "entry 1: has sequence 2"],
    [
      "an id twice",
      firstSnapshot([firstEntry(1), firstEntry(2, { id: binary("0".repeat(31) + "1") })]),
      "entry 2: has the id of an entry before it",
    ],
    [
      "an entry that is no map",
      firstSnapshot([], { entries: list(nil), sequence: integer(1) }),
      `${first}: "entry" is no map`,
    ],
    [
      "another field in an entry",
      one({ context_id: binary("ctx") }),
      `${first}: has the field "context_id", which no entry has`,
    ],
    [
      "a field of an entry twice",
      firstSnapshot([], {
        entries: list(joined(Uint8Array.of(116), u32(2), atom("id"), binary("x"), atom("id"), binary("x"))),
        sequence: integer(1),
      }),
      `${first}: has id twice`,
    ],
    ...["id", "key", "payload", "sequence", "appended_at_ns", "metadata"].flatMap(
      (name): [string, Uint8Array, string][] => [
        [`no ${name}`, one({ [name]: undefined }), `${first}: has no ${name}`],
        [`nil for ${name}`, one({ [name]: nil }), `${first}: "${name}" is no `],
      ],
    ),
    ["an empty id", one({ id: binary("") }), `${first}: has an empty id`],
    [
      "a long id",
      one({ id: big(129) }),
      "LIMIT: Snapshot has an id (entry 1) of 129 bytes, at most 128 are allowed",
    ],
    ["a long key", one({ key: big(65_536) }), "LIMIT: Snapshot has a record (entry 1) of "],
    [
      "an id that is no text",
      one({ id: binary(Uint8Array.of(0xc0, 0x80)) }),
      `${first}: has invalid UTF-8 in its id`,
    ],
    [
      "a key that is no text",
      one({ key: binary(Uint8Array.of(0xed, 0xa0, 0x80)) }),
      `${first}: has invalid UTF-8 in its key`,
    ],
    [
      "a large payload",
      one({ payload: big(4 * MiB + 1) }),
      "LIMIT: Snapshot has a payload (entry 1) of 4194305 bytes",
    ],
    ["a time below 0", one({ appended_at_ns: integer(-1) }), `${first}: has appended_at_ns -1, not 0 to `],
    [
      "a time of 2^63",
      one({ appended_at_ns: integer(2n ** 63n) }),
      `${first}: has appended_at_ns 9223372036854775808`,
    ],
    [
      "a time of 72 bits",
      one({ appended_at_ns: integer(2n ** 64n) }),
      `${first}: "appended_at_ns" is no integer of up to 64 bits`,
    ],
    [
      "an integer of an unknown sign",
      one({ appended_at_ns: Uint8Array.of(110, 1, 2, 1) }),
      `${first}: "appended_at_ns" is no integer of up to 64 bits`,
    ],
    [
      "a Lamport time above 2^62",
      one({ lamport_clock: integer(2n ** 62n + 1n) }),
      `${first}: has lamport_clock 4611686018427387905`,
    ],
    ["a Lamport time below 0", one({ lamport_clock: integer(-1) }), `${first}: has lamport_clock -1`],
    [
      "a hash of another entry",
      one({ content_hash: binary(leafOf(2)) }),
      `${first}: has the content_hash of another entry, ${hex(leafOf(2))}`,
    ],
    [
      "a hash that is cut",
      one({ content_hash: binary(leafOf(1).subarray(1)) }),
      `${first}: has the content_hash of another entry`,
    ],
    ["a hash that is an atom", one({ content_hash: atom("none") }), `${first}: "content_hash" is no binary`],
    ["metadata that is a list", one({ metadata: list() }), `${first}: "metadata" is no map`],
    [
      "metadata with a name that is an atom",
      one({ metadata: map({ a: binary("b") }) }),
      `${first}: "name in metadata" is no binary`,
    ],
    [
      "metadata with a number",
      one({ metadata: map({ a: integer(1) }, binary) }),
      `${first}: "value in metadata" is no binary`,
    ],
    [
      "metadata with a name twice",
      one({
        metadata: joined(Uint8Array.of(116), u32(2), ...["a", "1", "a", "2"].map((text) => binary(text))),
      }),
      `${first}: has metadata "a" twice`,
    ],
    [
      "metadata that is no text",
      one({ metadata: map({ a: binary(Uint8Array.of(0xff)) }, binary) }),
      `${first}: has invalid UTF-8 in its metadata`,
    ],
    [
      "a float",
      one({ lamport_clock: Uint8Array.of(70, 0, 0, 0, 0, 0, 0, 0, 0) }),
      `${outer}: "a value" is no term that a snapshot has`,
    ],
  ];
  test.each(table)("%s", (_name, blob, refused) => {
    expect(refusalOfAny(blob)).toContain(refused);
  });

  test("version 1 with a stored hash that is not its entry's", () => {
    const blob = firstSnapshot([firstEntry(1, { content_hash: binary(leafOf(2)) })], version1);
    expect(refusalOfAny(blob, { allowUnverified: true })).toContain("has the content_hash of another entry");
  });

  test("metadata that fills memory before the record is known to be too large", () => {
    const pairs = 100_000;
    const names = Array.from({ length: pairs }, (_, i) => joined(binary(`${i}`), binary("")));
    const metadata = joined(Uint8Array.of(116), u32(pairs), ...names);
    expect(refusalOfAny(one({ metadata }))).toStartWith(
      "SNAPSHOT_LIMIT: Snapshot has a record (entry 1) of ",
    );
  });
});

describe("createLoadReader() bounds what it holds", () => {
  test("a packed term of more than 64 MiB is refused by what it declares", () => {
    const blob = joined(Uint8Array.of(131, 80), u32(limits.answerBytesMax + 1), new Uint8Array(10));
    expect(refusalOfAny(blob)).toBe(
      "SNAPSHOT_LIMIT: Snapshot is version 1 or 2 and has at least 67108865 bytes unpacked, at most 67108864 are allowed; " +
        "read the entries with the first implementation and append them here",
    );
  });

  test("a packed term that is larger than it declares is refused where it becomes so", () => {
    const before = process.memoryUsage().rss;
    const bomb = joined(Uint8Array.of(131, 80), u32(1000), zlib.deflateSync(Buffer.alloc(128 * MiB)));
    expect(refusalOfAny(bomb)).toStartWith("SNAPSHOT_DAMAGED: Snapshot is damaged: it cannot be unpacked: ");
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MiB);
  });

  test("more than 64 MiB as they arrive are refused at once", () => {
    const reader = createLoadReader({ hasher, zstd, inflate, allowUnverified: false });
    const chunk = new Uint8Array(MiB).fill(131);
    for (let i = 0; i < 64; i += 1) for (const _ of reader.push(chunk));
    expect(() => [...reader.push(chunk)]).toThrow(
      /^Snapshot is version 1 or 2 and has at least 68157440 bytes packed/,
    );
  });

  const counts: [string, number[]][] = [
    ["a list", [108, 255, 255, 255, 255]],
    ["a map", [116, 255, 255, 255, 255]],
    ["a binary", [109, 255, 255, 255, 255]],
    ["an atom", [100, 255, 255]],
    ["nested lists", [108, 0, 0, 0, 6, 108, 0, 0, 0, 1, 108, 0, 0, 0, 1]],
  ];
  test.each(counts)("%s of more than there are bytes is refused", (_name, value) => {
    const blob = plain(joined(Uint8Array.of(116), u32(1), atom("entries"), Uint8Array.from(value)));
    expect(refusalOfAny(blob)).toStartWith("SNAPSHOT_TRUNCATED: Snapshot ends too early: it has ");
  });

  test("lists a million deep are refused without using up the stack", () => {
    const deep = Buffer.alloc(5_000_000);
    for (let at = 0; at < deep.length; at += 5) deep.set([108, 0, 0, 0, 1], at);
    const entries = joined(deep, Uint8Array.of(106), new Uint8Array(1_000_000).fill(106));
    expect(refusalOfAny(firstSnapshot([], { entries }))).toContain(
      "its outer map: has sequence 0 and 1 entries",
    );
  });
});

test("a snapshot that is cut anywhere is refused", () => {
  for (const blob of [valid, packed(termOf(valid))]) {
    for (let length = 1; length < blob.length; length += 1)
      expect(refusalOfAny(blob.subarray(0, length))).toMatch(/^SNAPSHOT_(TRUNCATED|DAMAGED): /);
  }
});

/**
 * The root of version 2 covers context_id, key, payload, sequence and appended_at_ns, not id, metadata and
 * lamport_clock: a flip there cannot be told from what was written, and nothing else may be accepted.
 */
test("a flipped bit is refused, or is in a field that version 2 does not cover", () => {
  const covered = (blob: Uint8Array): unknown => {
    const { entries, contextId, root: _, ...rest } = readAny(blob);
    const left = entries.map(({ key, payload, sequence, appendedAtNs }) => [
      key,
      payload,
      sequence,
      appendedAtNs,
    ]);
    return { contextId, ...rest, left };
  };
  const expected = covered(valid);
  const entriesOfValid = readAny(valid).entries;
  const silent = new Set<string>();
  for (let bit = 0; bit < 8 * valid.length; bit += 1) {
    const blob = valid.slice();
    blob[bit >> 3] = (blob[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (refusalOfAny(blob) !== "accepted") continue;
    expect(covered(blob)).toEqual(expected);
    for (const [i, entry] of readAny(blob).entries.entries())
      for (const field of ["id", "metadata", "lamport"] as const)
        if (!Bun.deepEquals(entry[field], entriesOfValid[i]?.[field])) silent.add(field);
  }
  expect([...silent].sort()).toEqual(["id", "lamport", "metadata"]);
});

test("a flipped bit in a packed snapshot is refused, or changes nothing", () => {
  const blob = packed(termOf(valid));
  const { entries } = readAny(blob);
  for (let bit = 8; bit < 8 * blob.length; bit += 1) {
    const flipped = blob.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (refusalOfAny(flipped) === "accepted") expect(readAny(flipped).entries).toEqual(entries);
  }
});
