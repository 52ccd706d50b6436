import { describe, expect, test } from "bun:test";
import { Suspicion, suspicionWait } from "../../src/swim/suspicion.ts";

const seconds = (minMs: number, maxMs: number, confirmationsMax: number) => ({
  confirmationsMax,
  minMs: minMs * 1000,
  maxMs: maxMs * 1000,
});

/** Returns a suspicion since 0 with so many confirmations. */
function confirmed(confirmations: number, confirmationsMax: number): Suspicion {
  const suspicion = new Suspicion(seconds(2, 30, confirmationsMax), "accuser", 0, 1);
  for (let index = 0; index < confirmations; index++) suspicion.confirm(`witness ${index}`);
  return suspicion;
}

describe("Suspicion.remainingMs()", () => {
  // memberlist's TestSuspicion_remainingSuspicionTime, between 2 s and 30 s.
  test.each([
    [0, 3, 0, 30_000],
    [1, 3, 2, 14_000],
    [2, 3, 3, 4810],
    [3, 3, 4, -2000],
    [4, 3, 5, -3000],
    [5, 3, 10, -8000],
  ])("after %d of %d confirmations and %d s is %d ms", (confirmations, wanted, elapsed, remaining) => {
    expect(confirmed(confirmations, wanted).remainingMs(elapsed * 1000)).toBe(remaining);
  });

  test("counts from when the suspicion began", () => {
    expect(new Suspicion(seconds(2, 30, 3), "accuser", 7000, 1).remainingMs(8000)).toBe(29_000);
  });
});

describe("suspicionWait()", () => {
  test("is the least at once if no confirmations are to be expected", () => {
    expect(suspicionWait(seconds(2, 30, 0), 0)).toBe(2000);
  });

  test("is whole milliseconds, rounded down, and never less than the least", () => {
    expect(suspicionWait({ confirmationsMax: 2, minMs: 1000, maxMs: 6000 }, 1)).toBe(2845);
    expect(suspicionWait({ confirmationsMax: 1, minMs: 999.5, maxMs: 6000 }, 1)).toBe(999.5);
    expect(suspicionWait(seconds(2, 30, 3), 100)).toBe(2000);
  });
});

describe("Suspicion.confirm()", () => {
  test("takes each accuser once, not the first one, and not more than are wanted", () => {
    const suspicion = confirmed(0, 2);
    const accusers = ["accuser", "b", "b", "accuser", "c", "d", "c"];
    expect(accusers.map((accuser) => suspicion.confirm(accuser))).toEqual([
      false,
      true,
      false,
      false,
      true,
      false,
      false,
    ]);
    expect(suspicion.remainingMs(0)).toBe(2000);
  });

  test("takes none if none are wanted", () => {
    expect(confirmed(0, 0).confirm("b")).toBe(false);
  });
});
