import { expect, test } from "bun:test";
import { backoffMs } from "../../src/client/backoff.ts";

const backoff = { firstMs: 100, maxMs: 1000 };

test.each([
  [1, 50, 100],
  [2, 100, 200],
  [4, 400, 800],
  [5, 500, 1000],
  [60, 500, 1000],
])("backoffMs() after %d attempts is between %d and %d", (attempt, least, most) => {
  expect(backoffMs(backoff, attempt, 0, () => 0)).toBe(least);
  expect(backoffMs(backoff, attempt, 0, () => 1)).toBe(most);
});

test("backoffMs() is never less than what the server asked for", () => {
  expect(backoffMs(backoff, 1, 2500, () => 0.5)).toBe(2500);
});
