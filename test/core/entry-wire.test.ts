import { describe, expect, test } from "bun:test";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";

import { type Entry, sortMetadata } from "../../src/core/entry.ts";
import {
  contentHashFieldBytes,
  decodeEntry,
  encodeEntry,
  varintSize,
  writeContentHashField,
  writeVarint,
} from "../../src/core/entry-wire.ts";
import { EntrySchema } from "../../src/gen/converge/context/v1/context_pb.ts";

// protobuf-es keeps a map in a plain object, which has an order of its own for names like "1".
const name = fc
  .string({ unit: "binary", maxLength: 12 })
  .filter((text) => !/^\d+$/.test(text) && text !== "__proto__");
const text = fc.string({ unit: "binary", maxLength: 80 });
const entry: fc.Arbitrary<Entry> = fc.record({
  id: text,
  key: fc.oneof(text, fc.string({ minLength: 120, maxLength: 140 })),
  payload: fc.uint8Array({ maxLength: 300 }),
  sequence: fc.oneof(
    fc.integer({ min: 1, max: 300 }),
    fc.maxSafeNat().map((nat) => Math.max(1, nat)),
  ),
  appendedAtNs: fc.bigInt(1n, 2n ** 64n - 1n),
  metadata: fc.dictionary(name, text, { maxKeys: 6 }).map((map) => sortMetadata(Object.entries(map))),
  lamport: fc.oneof(fc.constant(0n), fc.bigInt(0n, 2n ** 64n - 1n)),
});

function message(value: Entry, contentHash?: Uint8Array) {
  const { sequence, metadata, ...rest } = value;
  return create(EntrySchema, {
    ...rest,
    sequence: BigInt(sequence),
    metadata: Object.fromEntries(metadata),
    ...(contentHash === undefined ? {} : { contentHash }),
  });
}

describe("encodeEntry()", () => {
  test("writes the bytes that protobuf-es writes", () => {
    fc.assert(
      fc.property(entry, (value) => {
        expect(Buffer.from(encodeEntry(value)).toString("hex")).toBe(
          Buffer.from(toBinary(EntrySchema, message(value))).toString("hex"),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("and writeContentHashField() together are read by protobuf-es", () => {
    fc.assert(
      fc.property(entry, fc.uint8Array({ minLength: 32, maxLength: 32 }), (value, contentHash) => {
        const wire = encodeEntry(value);
        const bytes = new Uint8Array(wire.length + contentHashFieldBytes);
        bytes.set(wire);
        expect(writeContentHashField(bytes, wire.length, contentHash)).toBe(bytes.length);
        expect(fromBinary(EntrySchema, bytes)).toEqual(message(value, contentHash));
      }),
    );
  });

  const base: Entry = {
    id: "",
    key: "",
    payload: new Uint8Array(),
    sequence: 1,
    appendedAtNs: 1n,
    metadata: [],
    lamport: 0n,
  };
  const extremes: [name: string, changes: Partial<Entry>][] = [
    ["everything empty", {}],
    ["the largest sequence", { sequence: Number.MAX_SAFE_INTEGER }],
    ["the largest numbers", { appendedAtNs: 2n ** 64n - 1n, lamport: 2n ** 64n - 1n }],
    ["2^53", { appendedAtNs: 2n ** 53n, lamport: 2n ** 53n - 1n }],
    ["2^63", { appendedAtNs: 2n ** 63n - 1n, lamport: 2n ** 63n }],
    ["2^49 and 2^56", { appendedAtNs: 2n ** 49n, lamport: 2n ** 56n }],
    ["2^35", { sequence: 2 ** 35, appendedAtNs: 2n ** 35n - 1n }],
    ["keys of many bytes", { key: "😀".repeat(50), id: "é".repeat(64) }],
    [
      "empty names and values",
      {
        metadata: [
          ["", ""],
          ["a", ""],
        ],
      },
    ],
    ["a payload of 4 MiB", { payload: new Uint8Array(4 * 1024 * 1024).fill(9) }],
  ];
  test.each(extremes)("writes the bytes that protobuf-es writes: %s", (_name, changes) => {
    const value = { ...base, ...changes };
    const wire = encodeEntry(value);
    expect(Buffer.compare(wire, toBinary(EntrySchema, message(value)))).toBe(0);
    expect(decodeEntry(wire)).toEqual(value);
  });
});

describe("decodeEntry()", () => {
  test("reads what encodeEntry() wrote", () => {
    fc.assert(fc.property(entry, (value) => expect(decodeEntry(encodeEntry(value))).toEqual(value)));
  });

  test("refuses or reads damaged bytes, but never fails in another way", () => {
    const damage = fc.tuple(entry, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean());
    fc.assert(
      fc.property(damage, ([value, position, flip, isCut]) => {
        const wire = encodeEntry(value);
        const at = position % wire.length;
        const bytes = isCut ? wire.slice(0, at) : wire.map((byte, i) => (i === at ? byte ^ flip : byte));
        expect(outcome(() => decodeEntry(bytes))).toBeOneOf(["read", "RangeError", "TypeError"]);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ["an unknown field", [0x48, 1]],
    ["another wire type", [0x08, 1]],
    ["a length beyond the end", [0x0a, 5, 1]],
    ["a length of ten bytes", [0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]],
    ["an integer without end", [0x20, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]],
    ["a sequence over 2^53", [0x20, 128, 128, 128, 128, 128, 128, 128, 16]],
    ["nothing after a tag", [0x20]],
    ["an unknown field in metadata", [0x32, 2, 0x18, 1]],
  ])("refuses %s", (_name, bytes) => {
    expect(() => decodeEntry(new Uint8Array(bytes))).toThrow(RangeError);
  });

  test("refuses invalid UTF-8", () => {
    expect(() => decodeEntry(new Uint8Array([0x0a, 1, 0xff]))).toThrow(TypeError);
  });
});

test("varintSize() is what writeVarint() writes", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(varintSize(value)).toBe(writeVarint(new Uint8Array(10), 0, value));
    }),
  );
});

function outcome(action: () => unknown): string {
  try {
    action();
    return "read";
  } catch (error) {
    return error instanceof Error ? error.name : "not an error";
  }
}
