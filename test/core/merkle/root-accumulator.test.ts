import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import type { Hash } from "../../../src/core/hasher.ts";
import { hex } from "../../../src/core/hex.ts";
import { RootAccumulator } from "../../../src/core/merkle/root-accumulator.ts";
import { rootOf } from "../../../src/core/merkle/root-of.ts";
import { rfc6962, seed } from "../../../src/core/merkle/tree-profile.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";

const hasher = await loadHasher();
const leaves: Hash[] = Array.from({ length: 5000 }, (_, i) => hasher.sha256(new Uint8Array([i, i >> 8])));

describe.each([rfc6962, seed])("RootAccumulator of the $name profile", (profile) => {
  test("has the root that rootOf() defines after each of 300 leaves", () => {
    const accumulator = new RootAccumulator(profile, hasher);
    for (let size = 0; size <= 300; size += 1) {
      expect([size, hex(accumulator.root())]).toEqual([
        size,
        hex(rootOf(leaves.slice(0, size), profile, hasher)),
      ]);
      accumulator.push(leaves[size] ?? new Uint8Array(32));
    }
  });

  test("has the root that rootOf() defines at larger sizes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 301, max: 5000 }), (size) => {
        const accumulator = new RootAccumulator(profile, hasher);
        for (const leaf of leaves.slice(0, size)) accumulator.push(leaf);
        expect(hex(accumulator.root())).toBe(hex(rootOf(leaves.slice(0, size), profile, hasher)));
      }),
      { numRuns: 20 },
    );
  });

  test("root() changes nothing", () => {
    const accumulator = new RootAccumulator(profile, hasher);
    for (const leaf of leaves.slice(0, 7)) accumulator.push(leaf);
    expect([hex(accumulator.root()), accumulator.size]).toEqual([hex(accumulator.root()), 7]);
  });

  test("hashes about once a leaf and at most two nodes a level for a root", () => {
    let hashes = 0;
    const counting = { ...hasher, sha256: (bytes: Uint8Array) => ((hashes += 1), hasher.sha256(bytes)) };
    const accumulator = new RootAccumulator(profile, counting);
    for (const leaf of leaves.slice(0, 4095)) accumulator.push(leaf);
    expect(hashes).toBe(4095 - 12);
    accumulator.root();
    expect(hashes).toBeLessThanOrEqual(4095 - 12 + 2 * 12);
  });
});
