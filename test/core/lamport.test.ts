import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { LedgerError } from "../../src/core/errors.ts";
import { receive, tick } from "../../src/core/lamport.ts";
import { limits } from "../../src/core/limits.ts";
import vectors from "../vectors/first-implementation/lamport.json";

interface Operation {
  readonly op: string;
  readonly received?: number;
  readonly result: number;
}

describe("the first implementation's clock", () => {
  test.each(vectors.sequences)("goes on from $initial to $final as ours does", ({ initial, ops, final }) => {
    let clock = BigInt(initial);
    const results = ops.map(({ received }: Operation) => {
      clock = received === undefined ? tick(clock) : receive(clock, BigInt(received));
      return Number(clock);
    });
    expect([results, clock]).toEqual([ops.map(({ result }) => result), BigInt(final)]);
  });

  // Ours has no comparison: times are bigints. What receive() prefers shows how it orders two of them.
  test.each(vectors.pairs)(
    "orders and merges $a and $b as ours does",
    ({ a, b, compare, happened_before, merge }) => {
      const merged = receive(BigInt(a), BigInt(b)) - 1n;
      const isBefore = merged === BigInt(b) && merged !== BigInt(a);
      const isAfter = merged === BigInt(a) && merged !== BigInt(b);
      expect({
        merge: Number(merged),
        happened_before: isBefore,
        compare: isBefore ? "lt" : isAfter ? "gt" : "eq",
      }).toEqual({ merge, happened_before, compare });
    },
  );

  test("is left behind where a number would be: over 2^53", () => {
    const inRange = vectors.big.filter(({ time }) => BigInt(time) <= limits.lamportMax);
    expect(inRange.map(({ time }) => String(tick(BigInt(time))))).toEqual(
      inRange.map(({ tick: next }) => next),
    );
    expect(inRange.length).toBe(2);
  });
});

describe("receive()", () => {
  const time = fc.bigInt(0n, 2n ** 61n);

  test("is later than both the clock and what was received", () => {
    fc.assert(
      fc.property(time, fc.bigInt(-(2n ** 61n), limits.lamportJumpMax), (clock, distance) => {
        const received = clock + distance < 0n ? 0n : clock + distance;
        const next = receive(clock, received);
        expect([next > clock, next > received, next === clock + 1n || next === received + 1n]).toEqual([
          true,
          true,
          true,
        ]);
      }),
    );
  });

  const refused: [name: string, clock: bigint, received: bigint, code: string, reason: string][] = [
    ["a negative time", 5n, -1n, "INVALID_ARGUMENT", "RECEIVED_LAMPORT_OUT_OF_RANGE"],
    ["a time over 2^62", 5n, 2n ** 62n + 1n, "INVALID_ARGUMENT", "RECEIVED_LAMPORT_OUT_OF_RANGE"],
    ["2^64 − 1", 5n, 2n ** 64n - 1n, "INVALID_ARGUMENT", "RECEIVED_LAMPORT_OUT_OF_RANGE"],
    ["a jump of more than 2^40", 5n, 2n ** 40n + 6n, "INVALID_ARGUMENT", "RECEIVED_LAMPORT_JUMP"],
    ["the end of the range", 2n ** 62n - 1n, 2n ** 62n, "OUT_OF_RANGE", "LAMPORT_EXHAUSTED"],
  ];
  test.each(refused)("refuses %s", (_name, clock, received, code, reason) => {
    expect(() => receive(clock, received)).toThrow(
      expect.objectContaining({ constructor: LedgerError, code, facts: expect.objectContaining({ reason }) }),
    );
  });

  test("takes a jump of 2^40", () => {
    expect(receive(5n, 2n ** 40n + 5n)).toBe(2n ** 40n + 6n);
  });
});

describe("tick()", () => {
  test("reaches 2^62 and goes no further", () => {
    expect(tick(2n ** 62n - 1n)).toBe(2n ** 62n);
    expect(() => tick(2n ** 62n)).toThrow(
      expect.objectContaining({ constructor: LedgerError, code: "OUT_OF_RANGE" }),
    );
  });
});
