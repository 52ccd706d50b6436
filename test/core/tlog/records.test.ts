/** Entry records and head records: what is written is read, and nothing else is. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ByteWriter } from "../../../src/core/byte-writer.ts";
import { type EntryRecord, recordHeader, sortMetadata } from "../../../src/core/entry.ts";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import { entryRecordBytes, parseEntryRecord } from "../../../src/core/tlog/entry-record.ts";
import { type HeadRecord, headRecord, parseHeadRecord } from "../../../src/core/tlog/head-record.ts";
import vectors from "../../vectors/entry-v1.json";
import { vectorEntry } from "./sample-log.ts";

const malformed = expect.objectContaining({
  constructor: LedgerError,
  code: "INVALID_ARGUMENT",
  facts: expect.objectContaining({ reason: "RECORD_MALFORMED" }),
});

function unhexed(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** Writes a record field by field, so that each field can be wrong by itself. */
function write(
  { payloadBytes, payloadHash, ...entry }: EntryRecord,
  count = entry.metadata.length,
): Uint8Array {
  const writer = new ByteWriter().raw(recordHeader).text(entry.contextId).text(entry.id).text(entry.key);
  writer.u64(entry.sequence).u64(entry.appendedAtNs).u64(entry.lamport).u32(count);
  for (const [name, value] of entry.metadata) writer.text(name).text(value);
  return writer.u64(payloadBytes).raw(payloadHash).copy();
}

const sample: EntryRecord = {
  contextId: "c",
  id: "i",
  key: "",
  sequence: 1,
  appendedAtNs: 0n,
  lamport: 0n,
  metadata: [],
  payloadBytes: 0,
  payloadHash: new Uint8Array(32),
};

describe("parseEntryRecord()", () => {
  test.each(
    vectors.entries.map(({ record_hex, payload_sha256 }, i) => [i, record_hex, payload_sha256] as const),
  )("reads record %d of the worked example, and entryRecordBytes() writes it", (i, recordHex, payloadHex) => {
    const { contextId, entry } = vectorEntry(i);
    const { payload, ...fields } = entry;
    const payloadHash = unhexed(payloadHex);
    expect(parseEntryRecord(unhexed(recordHex))).toEqual({
      ...fields,
      contextId,
      payloadBytes: payload.length,
      payloadHash,
    });
    expect(entryRecordBytes(contextId, entry, payloadHash)).toEqual(unhexed(recordHex));
  });

  test("gives back any record that a ledger can hold", () => {
    const text = fc.string({ unit: "binary", maxLength: 20 });
    const record = fc.record({
      contextId: fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
      id: fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
      key: text,
      sequence: fc.integer({ min: 1, max: limits.sequenceMax }),
      appendedAtNs: fc.bigInt({ min: 0n, max: limits.timeNsMax }),
      lamport: fc.bigInt({ min: 0n, max: limits.lamportMax }),
      metadata: fc
        .uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 5 })
        .map(sortMetadata),
      payloadBytes: fc.integer({ min: 0, max: limits.payloadBytesMax }),
      payloadHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => new Uint8Array(bytes)),
    });
    fc.assert(
      fc.property(record, (value) => {
        expect(parseEntryRecord(write(value as EntryRecord))).toEqual(
          value as unknown as ReturnType<typeof parseEntryRecord>,
        );
      }),
    );
  });

  test("refuses every prefix of a record, and one byte more", () => {
    for (const { record_hex } of vectors.entries) {
      const record = unhexed(record_hex);
      for (let length = 0; length < record.length; length += 1)
        expect(() => parseEntryRecord(record.subarray(0, length))).toThrow(malformed);
      expect(() => parseEntryRecord(new Uint8Array([...record, 0]))).toThrow(malformed);
    }
  });

  test("what it takes of a flipped record is written again byte for byte", () => {
    for (const { record_hex } of vectors.entries) {
      const record = unhexed(record_hex);
      for (let bit = 0; bit < 8 * record.length; bit += 1) {
        const flipped = record.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        let again: Uint8Array = flipped;
        try {
          again = write(parseEntryRecord(flipped));
        } catch (error) {
          expect(error).toBeInstanceOf(LedgerError);
        }
        expect(again).toEqual(flipped);
      }
    }
  });

  test.each<[string, Uint8Array]>([
    ["another kind", headRecord({ contextId: "c", generation: 1, size: 1, root: new Uint8Array(32) })],
    ["an empty context id", write({ ...sample, contextId: "" })],
    ["a context id that is too long", write({ ...sample, contextId: "c".repeat(1025) })],
    ["an empty id", write({ ...sample, id: "" })],
    ["an id that is too long", write({ ...sample, id: "i".repeat(129) })],
    ["sequence 0", write({ ...sample, sequence: 0 })],
    ["sequence 2^53", write({ ...sample, sequence: 2 ** 53 })],
    ["a time of 2^63", write({ ...sample, appendedAtNs: 2n ** 63n })],
    ["a Lamport time above 2^62", write({ ...sample, lamport: 2n ** 62n + 1n })],
    ["a payload that is too large", write({ ...sample, payloadBytes: limits.payloadBytesMax + 1 })],
    ["a name twice", write({ ...sample, metadata: [["a", ""], ["a", ""]] })], // prettier-ignore
    ["names that descend", write({ ...sample, metadata: [["\u{1F600}", ""], ["\uFF5E", ""]] })], // prettier-ignore
    ["a metadata count without end", write(sample, 0xff_ff_ff_ff)],
    ["too many bytes", write({ ...sample, key: "k".repeat(limits.recordBytesMax) })],
    ["invalid UTF-8", write({ ...sample, key: "kk" }).map((byte) => (byte === 0x6b ? 0xff : byte))],
  ])("refuses %s", (_, bytes) => {
    expect(() => parseEntryRecord(bytes)).toThrow(malformed);
  });
});

describe("parseHeadRecord()", () => {
  const root = new Uint8Array(32).map((_, i) => i);
  const head: HeadRecord = { contextId: "é", generation: 1, size: 7, root };

  test("headRecord() writes header, context id, generation, size and root", () => {
    const name = Buffer.from("converge-ledger/head/v1\n").toString("hex");
    const expected = `${name}00000002c3a900000000000000010000000000000007${Buffer.from(root).toString("hex")}`;
    expect(Buffer.from(headRecord(head)).toString("hex")).toBe(expected);
  });

  test("gives back what headRecord() was given", () => {
    const count = fc.integer({ min: 1, max: 2 ** 53 - 1 });
    const contextId = fc.string({ unit: "binary", minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(contextId, count, count, (contextId, generation, size) => {
        const record = { contextId, generation, size, root };
        expect(parseHeadRecord(headRecord(record))).toEqual(record);
      }),
    );
  });

  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["another kind", write(sample)],
    ["its last byte missing", headRecord(head).slice(0, -1)],
    ["one byte more", new Uint8Array([...headRecord(head), 0])],
    ["an empty context id", headRecord({ ...head, contextId: "" })],
    ["a context id that is too long", headRecord({ ...head, contextId: "c".repeat(1025) })],
    ["generation 0", headRecord({ ...head, generation: 0 })],
    ["size 0", headRecord({ ...head, size: 0 })],
    ["a size that is not exact", headRecord({ ...head, size: 2 ** 53 })],
  ])("refuses %s", (_, bytes) => {
    expect(() => parseHeadRecord(bytes)).toThrow(malformed);
  });
});
