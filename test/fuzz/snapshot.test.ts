import { expect, test } from "bun:test";
import fc from "fast-check";

import { LedgerError } from "../../src/core/errors.ts";
import { hex } from "../../src/core/hex.ts";
import { createSnapshotReader } from "../../src/core/snapshot/snapshot-reader.ts";
import {
  anyEnd,
  block,
  hasher,
  header,
  joined,
  rawEntry,
  sampleEntries,
  sealed,
  write,
  zstd,
} from "../core/snapshot/snapshot-fixtures.ts";

const valid = write(sampleEntries(30)).bytes;
const metadata: [string, string][] = [
  ["agent", "a"],
  ["note", "é"],
];
const plain = joined(...[1n, 2n, 3n].map((sequence) => rawEntry({ id: `${sequence}`, sequence, metadata })));

interface Mutation {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly removed: number;
}

/** One change somewhere: bytes put in, taken out, or both. */
const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.constantFrom(new Uint8Array(4), new Uint8Array(8).fill(255), new Uint8Array([0, 0, 255, 255])),
  ),
  removed: fc.oneof(fc.constant(0), fc.nat(8), fc.nat(200)),
});
const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });

function mutated(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  return changes.reduce((before, change) => {
    const at = change.at % (before.length + 1);
    return joined(before.subarray(0, at), change.bytes, before.subarray(at + change.removed));
  }, bytes);
}

/** Reads bytes in chunks of a size; returns the root or how it was refused. Other errors than LedgerError escape. */
function outcome(bytes: Uint8Array, chunkBytes: number): string {
  try {
    const reader = createSnapshotReader({ hasher, zstd });
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      for (const _ of reader.push(bytes.subarray(at, at + chunkBytes)));
    }
    return `read ${hex(reader.finish().root)}`;
  } catch (error) {
    if (error instanceof LedgerError) return `${error.code} ${error.message.slice(0, 8)}`;
    throw error;
  }
}

const validOutcome = outcome(valid, valid.length);
const chunkBytes = fc.integer({ min: 1, max: 4000 });

test("a damaged snapshot is refused with INVALID_ARGUMENT, whatever the damage", () => {
  fc.assert(
    fc.property(mutations, chunkBytes, (changes, size) => {
      const bytes = mutated(valid, changes);
      fc.pre(Buffer.compare(bytes, valid) !== 0);
      expect(outcome(bytes, size)).toBe("INVALID_ARGUMENT Snapshot");
    }),
    { numRuns: 1500 },
  );
});

test("a snapshot of damaged parts with a right digest is refused, or has the same entries", () => {
  // The time in the header is anyone's to choose, and one content has many compressed forms.
  const body = valid.subarray(0, -32);
  fc.assert(
    fc.property(mutations, chunkBytes, (changes, size) => {
      expect(outcome(sealed(mutated(body, changes)), size)).toBeOneOf([
        validOutcome,
        "INVALID_ARGUMENT Snapshot",
      ]);
    }),
    { numRuns: 1500 },
  );
});

test("damaged entries in a well-formed block are refused with INVALID_ARGUMENT", () => {
  fc.assert(
    fc.property(mutations, chunkBytes, (changes, size) => {
      const bytes = mutated(plain, changes);
      fc.pre(bytes.length > 0);
      expect(outcome(sealed(header, block(bytes), anyEnd), size)).toBe("INVALID_ARGUMENT Snapshot");
    }),
    { numRuns: 1500 },
  );
});

test("any bytes are refused with INVALID_ARGUMENT", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), chunkBytes, (bytes, hasHeader, size) => {
      expect(outcome(hasHeader ? joined(header, bytes) : bytes, size)).toBe("INVALID_ARGUMENT Snapshot");
    }),
    { numRuns: 1500 },
  );
});
