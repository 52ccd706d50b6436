import type { Sink } from "../cli-io.ts";
import { sizeText } from "./size-text.ts";

const redrawMs = 100;
const quietMs = 500;
const barWidth = 24;

/** Shows how far a copy is on a terminal; elsewhere, and for copies that are done at once, nothing. */
export class Progress {
  readonly #sink: Sink;
  readonly #total: number | undefined;
  readonly #startedAt: number;
  #done = 0;
  #drawnAt: number;
  #visible = false;

  /** `total` is the number of bytes, if it is known. */
  constructor(sink: Sink, total: number | undefined) {
    this.#sink = sink;
    this.#total = total;
    this.#startedAt = performance.now();
    this.#drawnAt = this.#startedAt;
  }

  async add(bytes: number): Promise<void> {
    this.#done += bytes;
    if (!this.#sink.isTerminal) return;
    const now = performance.now();
    if (now - this.#startedAt < quietMs || now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#visible = true;
    const seconds = (now - this.#startedAt) / 1000;
    await this.#sink.write(`\r\u{1b}[K${progressLine({ done: this.#done, total: this.#total, seconds })}`);
  }

  /** Removes the bar. */
  async end(): Promise<void> {
    if (this.#visible) await this.#sink.write("\r\u{1b}[K");
    this.#visible = false;
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
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(part * barWidth);
  const bar = `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`;
  return `${bar} ${Math.floor(part * 100)}%  ${sizeText(done)} of ${sizeText(total)}  ${rate}`;
}
