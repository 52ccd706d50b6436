import type { Sink } from "../cli-io.ts";
import { bar, BarLine } from "./bar-line.ts";
import { sizeText } from "./size-text.ts";

/** Shows how far a copy is on a terminal; elsewhere, and for copies that are done at once, nothing. */
export class Progress {
  readonly #line: BarLine;
  readonly #total: number | undefined;
  #done = 0;

  /** `total` is the number of bytes, if it is known. */
  constructor(sink: Sink, total: number | undefined) {
    this.#line = new BarLine(sink);
    this.#total = total;
  }

  async add(bytes: number): Promise<void> {
    this.#done += bytes;
    await this.#line.draw((seconds) => progressLine({ done: this.#done, total: this.#total, seconds }));
  }

  /** Removes the bar. */
  async end(): Promise<void> {
    await this.#line.clear();
  }
}

/** Returns the bar as text. */
export function progressLine({
  done,
  total,
  seconds,
}: {
  done: number;
  total: number | undefined;
  seconds: number;
}): string {
  const rate = `${sizeText(done / seconds)}/s`;
  if (total === undefined) return `${sizeText(done)}  ${rate}`;
  return `${bar(total === 0 ? 1 : done / total)}  ${sizeText(done)} of ${sizeText(total)}  ${rate}`;
}
