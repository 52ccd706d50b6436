import { describe, expect, test } from "bun:test";
import { pushPullInterval, retransmitLimit, suspicionTimeout } from "../../src/swim/scaling.ts";

describe("retransmitLimit() grows with the digits of the number of members", () => {
  test.each([
    [3, 0, 0],
    [3, 1, 3],
    [3, 9, 3],
    [3, 10, 6],
    [3, 99, 6],
    [3, 100, 9],
    [4, 1000, 16],
    [4, 10_000, 20],
    [2, 1000, 8],
  ])("%d times for %d members: %d", (mult, members, limit) => {
    expect(retransmitLimit(mult, members)).toBe(limit);
  });
});

describe("suspicionTimeout() grows with the logarithm of the number of members", () => {
  // A third of memberlist's TestSuspicionTimeout, which multiplies by 3.
  test.each([
    [5, 1000],
    [10, 1000],
    [50, 1698],
    [100, 2000],
    [500, 2698],
    [1000, 3000],
  ])("of %d members and 1 s: %d ms", (members, timeoutMs) => {
    expect(suspicionTimeout(1, members, 1000)).toBe(timeoutMs);
    expect(suspicionTimeout(3, members, 1000)).toBe(3 * timeoutMs);
  });

  test.each([0, 1, 2])("of %d members as of few", (members) => {
    expect(suspicionTimeout(4, members, 500)).toBe(2000);
  });
});

describe("pushPullInterval() grows with each doubling beyond 32 members", () => {
  test.each([
    [0, 1],
    [32, 1],
    [33, 2],
    [64, 2],
    [65, 3],
    [128, 3],
    [1000, 6],
    [10_000, 10],
  ])("of %d members: %d times", (members, times) => {
    expect(pushPullInterval(30_000, members)).toBe(times * 30_000);
  });
});
