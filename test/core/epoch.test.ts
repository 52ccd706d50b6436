import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareEpochs, type Epoch, laterEpoch, noEpoch, sameEpoch } from "../../src/core/epoch.ts";
import { copiesRequired, promisesRequired, writeCopiesValues } from "../../src/core/write-copies.ts";

const epochs = fc.record({ counter: fc.nat(5), nodeId: fc.constantFrom("", "a", "b", "c") });

describe("compareEpochs()", () => {
  test.each([
    [{ counter: 1, nodeId: "b" }, { counter: 2, nodeId: "a" }, -1],
    [{ counter: 2, nodeId: "a" }, { counter: 2, nodeId: "b" }, -1],
    [{ counter: 2, nodeId: "b" }, { counter: 2, nodeId: "b" }, 0],
    [noEpoch, { counter: 1, nodeId: "" }, -1],
  ] as const)("%p against %p: %p", (a: Epoch, b: Epoch, sign) => {
    expect(Math.sign(compareEpochs(a, b))).toBe(sign);
    expect(sameEpoch(a, b)).toBe(sign === 0);
  });

  test("orders all epochs, and laterEpoch() is one of two that is not before the other", () => {
    fc.assert(
      fc.property(epochs, epochs, epochs, (a, b, c) => {
        expect(Math.sign(compareEpochs(a, b))).toBe(0 - Math.sign(compareEpochs(b, a)));
        const [first, second, third] = [a, b, c].sort(compareEpochs);
        expect(compareEpochs(first ?? a, third ?? c)).toBeLessThanOrEqual(0);
        expect(compareEpochs(first ?? a, second ?? b)).toBeLessThanOrEqual(0);
        expect(compareEpochs(laterEpoch(a, b), a)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("copiesRequired() and promisesRequired()", () => {
  test.each([
    ["1", 3, 1, 1],
    ["majority", 1, 1, 1],
    ["majority", 2, 2, 2],
    ["majority", 3, 2, 2],
    ["majority", 4, 3, 3],
    ["majority", 5, 3, 3],
    ["all", 3, 3, 2],
    ["all", 4, 4, 3],
  ] as const)("%s of %p holders: %p copies, %p promises", (writeCopies, holders, copies, promises) => {
    expect(copiesRequired(writeCopies, holders)).toBe(copies);
    expect(promisesRequired(writeCopies, holders)).toBe(promises);
  });

  test("any promises have one in common with any copies, also if a holder comes or goes in between", () => {
    for (const writeCopies of writeCopiesValues.filter((one) => one !== "1"))
      for (let holders = 1; holders <= 9; holders++)
        for (const others of [holders - 1, holders, holders + 1].filter((count) => count > 0)) {
          const promises = promisesRequired(writeCopies, holders);
          const copies = copiesRequired(writeCopies, others);
          expect(promises + copies).toBeGreaterThan(Math.max(holders, others));
        }
  });
});
