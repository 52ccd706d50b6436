import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { ByteWriter } from "../../src/core/byte-writer.ts";
import {
  compareCodePoints,
  contentHash,
  type Entry,
  recordBytes,
  sortMetadata,
  writeRecord,
} from "../../src/core/entry.ts";
import { hex } from "../../src/core/hex.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";
import entryVectors from "../vectors/entry-v1.json";
import { vectorEntries } from "./vector-entries.ts";

const hasher = await loadHasher();

describe("the worked example", () => {
  const cases = vectorEntries.map((vector, i) => ({ ...vector, expected: entryVectors.entries[i] }));

  test.each(cases)("writeRecord() and contentHash() give its bytes for entry $entry.sequence", (vector) => {
    const { contextId, entry, expected } = vector;
    const payloadHash = hasher.sha256(entry.payload);
    const writer = new ByteWriter(16);
    writeRecord(writer, contextId, entry, payloadHash);
    expect({
      record_hex: hex(writer.view()),
      record_bytes: writer.length,
      counted_bytes: recordBytes(contextId, entry),
      payload_sha256: hex(payloadHash),
      content_hash: hex(contentHash(contextId, entry, hasher)),
    }).toEqual({
      record_hex: expected?.record_hex ?? "",
      record_bytes: expected?.record_bytes ?? 0,
      counted_bytes: expected?.record_bytes ?? 0,
      payload_sha256: expected?.payload_sha256 ?? "",
      content_hash: expected?.content_hash ?? "",
    });
  });
});

describe("contentHash()", () => {
  const entry: Entry = {
    id: "1",
    key: "k",
    payload: new Uint8Array([1, 2]),
    sequence: 5,
    appendedAtNs: 6n,
    metadata: [["a", "b"]],
    lamport: 7n,
  };
  const changes: [field: string, changed: Partial<Entry>][] = [
    ["id", { id: "2" }],
    ["key", { key: "l" }],
    ["payload", { payload: new Uint8Array([1, 3]) }],
    ["payload length", { payload: new Uint8Array([1]) }],
    ["sequence", { sequence: 6 }],
    ["appendedAtNs", { appendedAtNs: 7n }],
    ["metadata name", { metadata: [["b", "b"]] }],
    ["metadata value", { metadata: [["a", "a"]] }],
    ["metadata count", { metadata: [] }],
    ["lamport", { lamport: 8n }],
    ["border between id and key", { id: "1k", key: "" }],
  ];
  test.each(changes)("changes with the %s", (_field, changed) => {
    const before = hex(contentHash("c", entry, hasher));
    expect(hex(contentHash("c", { ...entry, ...changed }, hasher))).not.toBe(before);
  });

  test("changes with the context", () => {
    expect(hex(contentHash("d", entry, hasher))).not.toBe(hex(contentHash("c", entry, hasher)));
  });

  test("is that of the whole record if the one before was longer", () => {
    const before = hex(contentHash("c", entry, hasher));
    contentHash("c".repeat(5000), entry, hasher);
    expect(hex(contentHash("c", entry, hasher))).toBe(before);
  });
});

// "binary" holds every code point, so also those whose order in UTF-16 is not that in UTF-8.
const text = fc.string({ unit: "binary", maxLength: 6 });

test("compareCodePoints() orders as the UTF-8 bytes do", () => {
  fc.assert(
    fc.property(text, text, text, (start, a, b) => {
      const bytewise = Buffer.compare(Buffer.from(start + a), Buffer.from(start + b));
      expect(Math.sign(compareCodePoints(start + a, start + b))).toBe(bytewise);
    }),
    { numRuns: 2000 },
  );
});

test("sortMetadata() orders names as the UTF-8 bytes do and leaves its argument alone", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), (pairs) => {
      const names = pairs.map(([name]) => name);
      const sorted = sortMetadata(pairs).map(([name]) => name);
      expect(sorted).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
      expect(pairs.map(([name]) => name)).toEqual(names);
    }),
  );
});
