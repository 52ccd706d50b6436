import { type Line, type Quantity, type Unit, verdictOf } from "./line.ts";

const headings = ["what", "ours", "limit or peer of the same run", "score", "at least", "aim", ""] as const;

/** Lays lines out as a table: aligned text, or Markdown. */
export function table(lines: readonly Line[], format: "text" | "markdown"): string {
  const rows = [headings, ...lines.map(cells)];
  if (format === "markdown") {
    const [first, ...rest] = rows.map((row) => `| ${row.join(" | ")} |`);
    return [first, `|${"---|".repeat(headings.length)}`, ...rest].join("\n");
  }
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cells(line: Line): readonly string[] {
  const { bar, against } = line;
  const unit = bar?.score.unit ?? "x";
  const mark = (value: number | undefined) => (value === undefined ? "" : formatQuantity({ value, unit }));
  return [
    line.note === undefined ? line.what : `${line.what} (${line.note})`,
    formatQuantity(line.ours),
    against === undefined ? "" : `${formatQuantity(against)} ${against.name}`,
    bar === undefined ? "" : formatQuantity(bar.score),
    mark(bar?.atLeast),
    mark(bar?.aim),
    verdictOf(line),
  ];
}

/** Units that are written without a space. */
const suffixes: readonly Unit[] = ["/s", "x", "%", ""];

/** Three significant digits, thousands separated: `12,300/s`, `1.34x`, `0.213 ms`. */
export function formatQuantity({ value, unit }: Quantity): string {
  const digits = Number.isFinite(value) ? Number(value.toPrecision(3)) : value;
  const number = digits.toLocaleString("en-US", { maximumSignificantDigits: 3 });
  return suffixes.includes(unit) ? `${number}${unit}` : `${number} ${unit}`;
}
