import { expect, test } from "bun:test";
import fc from "fast-check";

import {
  atom,
  binary,
  firstEntries,
  firstSnapshot,
  integer,
  list,
  map,
  nil,
  packed,
  plain,
  readAny,
  refusalOfAny,
  termOf,
} from "../core/snapshot/first-implementation-fixtures.ts";
import { joined } from "../core/snapshot/snapshot-fixtures.ts";

const valid = firstSnapshot(firstEntries(4));

/** Bytes put in somewhere, taken out, or both. */
const mutation = fc.record({
  at: fc.nat(),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.constantFrom(new Uint8Array(4), new Uint8Array(4).fill(255), Uint8Array.of(116, 0, 0, 0, 1)),
  ),
  removed: fc.oneof(fc.constant(0), fc.nat(8), fc.nat(200)),
});

function mutated(bytes: Uint8Array, changes: readonly { at: number; bytes: Uint8Array; removed: number }[]) {
  return changes.reduce((before, change) => {
    const at = change.at % (before.length + 1);
    return joined(before.subarray(0, at), change.bytes, before.subarray(at + change.removed));
  }, bytes);
}

const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });

/** What version 2 covers, of a snapshot that is read; how it was refused otherwise. Other errors escape. */
function outcome(blob: Uint8Array): unknown {
  const refused = refusalOfAny(blob, { chunkBytes: 500 });
  if (refused !== "accepted") return refused.replace(/: .*/s, "");
  const { entries, contextId, count } = readAny(blob);
  return [contextId, count, entries.map(({ key, payload, sequence }) => [key, payload, sequence])];
}

const expected = outcome(valid);
const isAllowed = (result: unknown): boolean =>
  typeof result === "string" ? /^SNAPSHOT_[A-Z_]+$/.test(result) : Bun.deepEquals(result, expected);

test("a damaged snapshot of the first implementation is refused, or has the same keys and payloads", () => {
  fc.assert(
    fc.property(mutations, fc.boolean(), (changes, isPacked) => {
      const blob = mutated(valid, changes);
      expect(isAllowed(outcome(isPacked ? packed(termOf(blob)) : blob))).toBe(true);
    }),
    { numRuns: 1500 },
  );
});

/** Terms of every shape, of the kinds that snapshots have and of some that they do not. */
const anyTerm = fc.letrec<{ term: Uint8Array }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(nil, Uint8Array.of(106), Uint8Array.of(70), Uint8Array.of(107, 0, 1, 1)),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(integer),
    fc.uint8Array({ maxLength: 20 }).map(binary),
    fc.array(tie("term"), { maxLength: 4 }).map((items) => list(...items)),
    fc
      .dictionary(fc.constantFrom("id", "key", "payload", "version", "entries"), tie("term"), { maxKeys: 4 })
      .map((fields) => map(fields, atom)),
  ),
})).term;

test("any term in the place of any field is refused, or changes nothing that version 2 covers", () => {
  const outer = ["version", "context_id", "entries", "sequence", "merkle_root"];
  const inner = [
    "id",
    "key",
    "payload",
    "sequence",
    "appended_at_ns",
    "metadata",
    "lamport_clock",
    "content_hash",
  ];
  fc.assert(
    fc.property(fc.constantFrom(...outer), fc.constantFrom(...inner), anyTerm, (field, part, term) => {
      const [first = {}, ...rest] = firstEntries(4);
      expect(isAllowed(outcome(firstSnapshot(firstEntries(4), { [field]: term })))).toBe(true);
      expect(isAllowed(outcome(firstSnapshot([{ ...first, [part]: term }, ...rest])))).toBe(true);
    }),
    { numRuns: 700 },
  );
});

test("any bytes that begin like a term are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isPacked) => {
      expect(outcome(isPacked ? packed(bytes) : plain(bytes))).toMatch(/^SNAPSHOT_[A-Z_]+$/);
    }),
    { numRuns: 1500 },
  );
});
