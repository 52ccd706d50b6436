import type { Sink } from "../cli-io.ts";
import { BarLine, bar } from "./bar-line.ts";

/** Shows how many things are done on a terminal; elsewhere, and if it takes a moment only, nothing. */
export class CountProgress {
  readonly #line: BarLine;

  constructor(sink: Sink) {
    this.#line = new BarLine(sink);
  }

  /** `total` 0 means that it is not known. */
  async show(done: number, total: number): Promise<void> {
    await this.#line.draw((seconds) => countLine({ done, total, seconds }));
  }

  /** Removes the bar. */
  async end(): Promise<void> {
    await this.#line.clear();
  }
}

/** Returns the bar as text. */
export function countLine({
  done,
  total,
  seconds,
}: {
  done: number;
  total: number;
  seconds: number;
}): string {
  const rate = `${Math.round(done / seconds)} entries/s`;
  if (total === 0) return `${done} entries  ${rate}`;
  return `${bar(done / total)}  ${done} of ${total} entries  ${rate}`;
}
