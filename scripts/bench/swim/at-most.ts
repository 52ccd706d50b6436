import type { Line, Quantity } from "../line.ts";

/** A line whose figure is judged itself, and is good if it is no more than a limit. */
export function atMost(what: string, ours: Quantity, limit: number, note?: string): Line {
  const bar = { score: ours, better: "less", atLeast: limit } as const;
  return { what, ours, bar, ...(note === undefined ? {} : { note }) };
}

export function seconds(ms: number): Quantity {
  return { value: ms / 1000, unit: "s" };
}

export function count(value: number): Quantity {
  return { value, unit: "" };
}
