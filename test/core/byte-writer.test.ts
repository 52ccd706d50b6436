import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { ByteWriter } from "../../src/core/byte-writer.ts";

const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const step = fc.oneof(
  fc.record({ kind: fc.constant("u8" as const), value: fc.nat(255) }),
  fc.record({ kind: fc.constant("u32" as const), value: fc.nat(2 ** 32 - 1) }),
  fc.record({ kind: fc.constant("u64" as const), value: fc.oneof(fc.maxSafeNat(), uint64) }),
  fc.record({ kind: fc.constant("raw" as const), value: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "binary", maxLength: 80 }) }),
);

describe("ByteWriter", () => {
  test("writes what Buffer writes, from any capacity on", () => {
    fc.assert(
      fc.property(fc.array(step), fc.nat(20), (steps, capacity) => {
        const writer = new ByteWriter(capacity);
        for (const each of steps) write(writer, each);
        const expected = Buffer.concat(steps.map(bytesOf));
        expect([writer.length, Buffer.compare(writer.view(), expected)]).toEqual([expected.length, 0]);
      }),
    );
  });

  test("view() shares its memory, copy() does not", () => {
    const writer = new ByteWriter(4).u32(1);
    const [view, copy] = [writer.view(), writer.copy()];
    writer.reset().u32(2);
    expect([[...view], [...copy]]).toEqual([
      [0, 0, 0, 2],
      [0, 0, 0, 1],
    ]);
  });

  test("reset() forgets what was written", () => {
    expect([
      ...new ByteWriter(2)
        .u64(2n ** 64n - 1n)
        .reset()
        .u8(7)
        .view(),
    ]).toEqual([7]);
  });
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function write(writer: ByteWriter, { kind, value }: Step): void {
  if (kind === "u8") writer.u8(value);
  else if (kind === "u32") writer.u32(value);
  else if (kind === "u64") writer.u64(value);
  else if (kind === "raw") writer.raw(value);
  else writer.text(value);
}

function bytesOf({ kind, value }: Step): Uint8Array {
  if (kind === "raw") return value;
  if (kind === "u8") return Buffer.from([value]);
  const length = Buffer.alloc(4);
  if (kind === "text") {
    length.writeUInt32BE(Buffer.byteLength(value));
    return Buffer.concat([length, Buffer.from(value)]);
  }
  if (kind === "u32") {
    length.writeUInt32BE(value);
    return length;
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
