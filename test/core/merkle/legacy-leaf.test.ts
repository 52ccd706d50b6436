import { expect, test } from "bun:test";

import { assert as invariant } from "../../../src/core/assert.ts";
import type { Entry } from "../../../src/core/entry.ts";
import { hex } from "../../../src/core/hex.ts";
import { limits } from "../../../src/core/limits.ts";
import { legacyLeaf } from "../../../src/core/merkle/legacy-leaf.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import entryVectors from "../../vectors/entry-v1.json";
import firstHashes from "../../vectors/first-implementation/entry_hash.json";
import { vectorEntries } from "../vector-entries.ts";

const hasher = await loadHasher();

const inRange = firstHashes.entries.filter(
  ({ sequence, appended_at_ns }) =>
    BigInt(sequence) >= 0n && BigInt(sequence) <= BigInt(limits.sequenceMax) && BigInt(appended_at_ns) >= 0n,
);

test("only the vectors whose sequence or time no entry can have are left out", () => {
  const names = firstHashes.entries.filter((vector) => !inRange.includes(vector)).map(({ name }) => name);
  expect(names).toEqual([
    "sequence 9223372036854775807",
    "sequence 18446744073709551616",
    "negative 32 bit limit",
  ]);
});

test.each(inRange)("legacyLeaf() is the first implementation's hash: $name", (vector) => {
  const entry: Entry = {
    id: "",
    key: vector.key,
    payload: new Uint8Array(Buffer.from(vector.payload, "base64")),
    sequence: Number(vector.sequence),
    appendedAtNs: BigInt(vector.appended_at_ns),
    metadata: [],
    lamport: 0n,
  };
  expect(hex(legacyLeaf(vector.context_id, entry, hasher))).toBe(vector.content_hash);
});

test("legacyLeaf() gives the legacy hashes of the worked example", () => {
  const leaves = vectorEntries.map(({ contextId, entry }) => hex(legacyLeaf(contextId, entry, hasher)));
  expect(leaves).toEqual(entryVectors.entries.map(({ legacy_hash }) => legacy_hash));
});

test("legacyLeaf() of a payload at and above the size it copies is the hash of the same term", () => {
  const [first] = vectorEntries;
  invariant(first !== undefined, "the example has entries");
  for (const size of [16_384, 16_385, limits.payloadBytesMax]) {
    const payload = new Uint8Array(size).fill(7);
    const entry: Entry = { ...first.entry, key: "k", payload, sequence: 300, appendedAtNs: 5n };
    const head = Buffer.from([131, 108, 0, 0, 0, 5, 109, 0, 0, 0, 1, 99, 109, 0, 0, 0, 1, 107, 109]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(size);
    const term = Buffer.concat([head, length, payload, Buffer.from([98, 0, 0, 1, 44, 97, 5, 106])]);
    expect(hex(legacyLeaf("c", entry, hasher))).toBe(hex(hasher.sha256(term)));
  }
});
