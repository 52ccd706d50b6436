import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { LedgerError } from "../../../src/core/errors.ts";
import { createSeenIds, type SeenIds } from "../../../src/core/snapshot/seen-ids.ts";
import { hasher } from "./snapshot-fixtures.ts";

describe("createSeenIds()", () => {
  test("knows which ids it was given before, whatever they look like", () => {
    const digits = fc.string({ unit: fc.constantFrom("0", "1", "a"), minLength: 30, maxLength: 34 });
    const id = fc.oneof(
      digits,
      fc.uuid(),
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constant("0".repeat(32)),
    );
    fc.assert(
      fc.property(fc.array(id, { maxLength: 60 }), (ids) => {
        const seen = createSeenIds(hasher);
        const expected = new Set<string>();
        for (const next of ids) {
          expect(add(seen, Buffer.from(next))).toBe(!expected.has(next));
          expected.add(next);
        }
      }),
    );
  });

  test("keeps them while it grows", () => {
    const seen = createSeenIds(hasher);
    const ids = Array.from({ length: 20_000 }, (_, i) => Buffer.from((i * 7).toString(16).padStart(32, "0")));
    expect(ids.filter((id) => !add(seen, id))).toEqual([]);
    expect(ids.filter((id) => add(seen, id))).toEqual([]);
  });

  test("tells ids apart that differ in case only", () => {
    const seen = createSeenIds(hasher);
    expect([add(seen, Buffer.from("ab".repeat(16))), add(seen, Buffer.from("AB".repeat(16)))]).toEqual([
      true,
      true,
    ]);
  });

  test("remembers no more than it was told to, and says so", () => {
    const seen = createSeenIds(hasher, 100);
    const ids = Array.from({ length: 100 }, (_, i) => Buffer.from(`id ${i}`));
    expect([ids.every((id) => add(seen, id)), seen.isComplete]).toEqual([true, true]);
    expect([add(seen, Buffer.from("one more")), seen.isComplete]).toEqual([true, false]);
  });

  test("refuses ids made to collide instead of becoming slow", () => {
    const seen = createSeenIds(hasher);
    expect(() => {
      for (let i = 1; i <= 2000; i += 1) add(seen, Buffer.from(idOfSlotZero(i)));
    }).toThrow(expect.objectContaining({ constructor: LedgerError, code: "INVALID_ARGUMENT" }));
  });
});

function add(seen: SeenIds, id: Uint8Array): boolean {
  return seen.add(id, 0, id.length);
}

/** Chooses the last word so that all bits the set spreads ids by are zero. */
function idOfSlotZero(first: number): string {
  const [second, third] = [0x1234_5678, 0x9abc_def0];
  let bits = first;
  for (const word of [second, third, 0]) {
    bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35) ^ word;
  }
  return [first, second, third, bits >>> 0].map((word) => word.toString(16).padStart(8, "0")).join("");
}
