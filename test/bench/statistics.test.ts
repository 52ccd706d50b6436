import { expect, test } from "bun:test";
import { alternate } from "../../scripts/bench/measure/alternate.ts";
import { median, percentile } from "../../scripts/bench/measure/statistics.ts";

test.each([
  [[3], 3],
  [[9, 1, 5], 5],
  [[10, 2, 4, 8], 6],
  [[], Number.NaN],
])("median() of %p is %p", (values, expected) => {
  expect(median(values)).toBe(expected);
});

test.each([
  [0.5, 50],
  [0.99, 99],
  [0.991, 100],
  [1, 100],
  [0, 1],
])("percentile() of 1 to 100 at %p is %p", (part, expected) => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(values, part)).toBe(expected);
});

test("percentile() compares numbers, not their text", () => {
  expect(percentile([9, 10, 100], 0.5)).toBe(10);
});

test("alternate() leaves the first turn out and takes the median of each round's ratio", async () => {
  const turns: string[] = [];
  const measured = (name: string, values: number[]) => async () => {
    turns.push(name);
    return values.shift() ?? Number.NaN;
  };
  const compared = await alternate(
    3,
    measured("ours", [1, 10, 40, 90]),
    measured("theirs", [1000, 10, 20, 30]),
  );
  expect(compared).toEqual({ ours: 40, theirs: 20, ratio: 2 });
  expect(turns).toEqual(["ours", "theirs", "ours", "theirs", "ours", "theirs", "ours", "theirs"]);
});
