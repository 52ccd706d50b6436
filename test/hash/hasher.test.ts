import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { assert as invariant } from "../../src/core/assert.ts";
import type { Hasher } from "../../src/core/hasher.ts";
import { hex } from "../../src/core/hex.ts";
import { createNativeHasher } from "../../src/hash/native.ts";
import { loadWasmHasher } from "../../src/hash/wasm.ts";
import { referenceHasher } from "./reference-hasher.ts";

const native = createNativeHasher();
invariant(native !== undefined, "these tests run on Bun");
const implementations: [name: string, hasher: Hasher][] = [
  ["native", native],
  ["hash-wasm", await loadWasmHasher()],
  ["node:crypto", referenceHasher],
];

describe.each(implementations)("%s", (_name, hasher) => {
  test("sha256() gives the digest that FIPS 180-4 publishes for abc", () => {
    const digest = hex(hasher.sha256(new TextEncoder().encode("abc")));
    expect(digest).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  test("sha256() agrees with the reference at every length up to 300 bytes", () => {
    const bytes = crypto.getRandomValues(new Uint8Array(300));
    for (let length = 0; length <= bytes.length; length += 1) {
      const message = bytes.subarray(0, length);
      expect(hex(hasher.sha256(message))).toBe(hex(referenceHasher.sha256(message)));
    }
  });

  test("sha256() reads a view where it begins and ends", () => {
    const bytes = crypto.getRandomValues(new Uint8Array(100));
    expect(hasher.sha256(bytes.subarray(7, 93))).toEqual(hasher.sha256(bytes.slice(7, 93)));
  });

  test("sha256() returns a fresh array each time", () => {
    const first = hasher.sha256(new Uint8Array(1));
    const copy = first.slice();
    hasher.sha256(new Uint8Array(2));
    expect(first).toEqual(copy);
  });

  test("sha256() takes 5 MiB at once and as a stream", () => {
    const bytes = new Uint8Array(5 * 1024 * 1024).map((_, i) => i * 17);
    const stream = hasher.stream();
    stream.update(bytes);
    const expected = hex(referenceHasher.sha256(bytes));
    expect([hex(hasher.sha256(bytes)), hex(stream.digest())]).toEqual([expected, expected]);
  });

  test("stream() gives the digest of the whole for any pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 12 }), (pieces) => {
        const stream = hasher.stream();
        for (const piece of pieces) stream.update(piece);
        expect(hex(stream.digest())).toBe(hex(referenceHasher.sha256(Buffer.concat(pieces))));
      }),
    );
  });

  test("streams do not disturb each other or single digests, in any order of use", () => {
    const step = fc.record({ stream: fc.nat(3), bytes: fc.uint8Array({ maxLength: 80 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const streams = Array.from({ length: 4 }, () => ({
          stream: hasher.stream(),
          pieces: [] as Uint8Array[],
        }));
        for (const { stream: index, bytes } of steps) {
          streams[index]?.stream.update(bytes);
          streams[index]?.pieces.push(bytes);
          expect(hex(hasher.sha256(bytes))).toBe(hex(referenceHasher.sha256(bytes)));
        }
        const digests = streams.map(({ stream }) => hex(stream.digest()));
        expect(digests).toEqual(
          streams.map(({ pieces }) => hex(referenceHasher.sha256(Buffer.concat(pieces)))),
        );
      }),
    );
  });
});
