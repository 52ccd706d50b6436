import { describe, expect, test } from "bun:test";

import type { Hasher } from "../../src/core/hasher.ts";
import { selfCheck } from "../../src/hash/self-check.ts";
import { referenceHasher } from "./reference-hasher.ts";

test("selfCheck() finds nothing wrong with node:crypto", () => {
  expect(selfCheck(referenceHasher)).toBeUndefined();
});

describe("selfCheck() finds a hasher that is wrong", () => {
  test.each([0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 111, 112, 118, 119, 120, 127, 128, 129, 1000])(
    "for messages of %d bytes only",
    (length) => {
      const broken: Hasher = {
        ...referenceHasher,
        sha256: (bytes) => flipped(referenceHasher.sha256(bytes), bytes.length === length),
      };
      expect(selfCheck(broken)).toMatch(/^wrong digest/);
    },
  );

  test("for streams that forget a piece of one byte", () => {
    expect(selfCheck(withUpdate((bytes) => (bytes.length === 1 ? [] : [bytes])))).toMatch(/^wrong stream/);
  });

  test("for streams that count an empty piece", () => {
    expect(selfCheck(withUpdate((bytes) => (bytes.length === 0 ? [new Uint8Array(1)] : [bytes])))).toMatch(
      /^wrong stream/,
    );
  });

  test("for streams that share one state", () => {
    const shared = referenceHasher.stream();
    expect(
      selfCheck({ ...referenceHasher, stream: () => ({ ...shared, digest: () => new Uint8Array(32) }) }),
    ).toMatch(/^wrong digest of less/);
  });
});

function flipped(digest: Uint8Array, isWrong: boolean): Uint8Array {
  if (isWrong) digest[31] = (digest[31] ?? 0) ^ 1;
  return digest;
}

function withUpdate(change: (bytes: Uint8Array) => Uint8Array[]): Hasher {
  return {
    ...referenceHasher,
    stream() {
      const stream = referenceHasher.stream();
      return {
        digest: () => stream.digest(),
        update(bytes) {
          for (const piece of change(bytes)) stream.update(piece);
        },
      };
    },
  };
}
