/** One line of the result, and whether it is good enough. */

export interface Quantity {
  readonly value: number;
  readonly unit: Unit;
}

/** Without a unit it is a count. */
export type Unit = "/s" | "s" | "ms" | "µs" | "MB" | "KB" | "B/s" | "x" | "%" | "found" | "";

export interface Bar {
  /** What is judged: often a ratio, sometimes the measured quantity itself. */
  readonly score: Quantity;
  readonly better: "more" | "less";
  readonly atLeast: number;
  readonly aim?: number;
}

export interface Line {
  readonly what: string;
  readonly ours: Quantity;
  /** The limit or peer of the same run. */
  readonly against?: Quantity & { readonly name: string };
  /** Absent for figures that are reported beside others. */
  readonly bar?: Bar;
  readonly note?: string;
}

export type Verdict = "aim" | "ok" | "MISSED" | "-";

export function verdictOf({ bar }: Line): Verdict {
  if (bar === undefined) return "-";
  if (bar.aim !== undefined && reaches(bar, bar.aim)) return "aim";
  return reaches(bar, bar.atLeast) ? "ok" : "MISSED";
}

/** A score that is not a number reaches nothing. */
function reaches({ score, better }: Bar, mark: number): boolean {
  return better === "more" ? score.value >= mark : score.value <= mark;
}
