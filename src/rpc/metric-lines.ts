import { type Family, numbers, type Sample } from "./exposition.ts";

/** A family under this program's prefix. */
export function named(name: string, help: string): Family {
  return { name: `converge_ledger_${name}`, help };
}

/** Returns the lines of a counter that has one label. */
export function counter(
  name: string,
  help: string,
  label: string,
  values: readonly (readonly [string, number])[],
): string {
  return numbers(named(name, help), "counter", labelled(label, values));
}

/** Returns the lines of a counter without labels. */
export function total(name: string, help: string, value: number): string {
  return numbers(named(name, help), "counter", only(value));
}

/** Returns the lines of a gauge without labels. */
export function gauge(name: string, help: string, value: number): string {
  return numbers(named(name, help), "gauge", only(value));
}

export function labelled(label: string, values: readonly (readonly [string, number])[]): Sample<number>[] {
  return values.map(([name, value]) => ({ labels: { [label]: name }, value }));
}

/** The sample of a family without labels. */
export function only<T>(value: T): Sample<T>[] {
  return [{ labels: {}, value }];
}
