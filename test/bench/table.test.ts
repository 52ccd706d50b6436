import { expect, test } from "bun:test";
import { type Line, verdictOf } from "../../scripts/bench/line.ts";
import { formatQuantity, table } from "../../scripts/bench/table.ts";

function judged(value: number, better: "more" | "less", aim?: number): Line {
  const score = { value, unit: "x" } as const;
  return {
    what: "w",
    ours: score,
    bar: { score, better, atLeast: 2, ...(aim === undefined ? {} : { aim }) },
  };
}

test.each([
  [judged(1.9, "more", 3), "MISSED"],
  [judged(2, "more", 3), "ok"],
  [judged(3, "more", 3), "aim"],
  [judged(2.1, "less", 1), "MISSED"],
  [judged(2, "less", 1), "ok"],
  [judged(1, "less", 1), "aim"],
  [judged(9, "more"), "ok"],
  [judged(Number.NaN, "less", 1), "MISSED"],
  [{ what: "w", ours: { value: 1, unit: "x" } } satisfies Line, "-"],
])("verdictOf() %p is %p", (line, expected) => {
  expect(verdictOf(line)).toBe(expected as ReturnType<typeof verdictOf>);
});

test.each([
  [{ value: 12_345, unit: "/s" }, "12,300/s"],
  [{ value: 1.3449, unit: "x" }, "1.34x"],
  [{ value: 0.21345, unit: "ms" }, "0.213 ms"],
  [{ value: Number.NaN, unit: "MB" }, "NaN MB"],
] as const)("formatQuantity(%p) is %p", (quantity, expected) => {
  expect(formatQuantity(quantity)).toBe(expected);
});

test("table() writes one Markdown row a line, with the marks in the unit of the score", () => {
  const line: Line = {
    what: "appends",
    ours: { value: 2000, unit: "/s" },
    against: { name: "peer", value: 1000, unit: "/s" },
    bar: { score: { value: 2, unit: "x" }, better: "more", atLeast: 1.3, aim: 2 },
    note: "n",
  };
  expect(table([line], "markdown")).toBe(
    [
      "| what | ours | limit or peer of the same run | score | at least | aim |  |",
      "|---|---|---|---|---|---|---|",
      "| appends (n) | 2,000/s | 1,000/s peer | 2x | 1.3x | 2x | aim |",
    ].join("\n"),
  );
});
