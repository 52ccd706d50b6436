import type { Sink } from "../cli-io.ts";

const redrawMs = 100;
const quietMs = 500;
const barWidth = 24;

/** One line of a terminal that is drawn again and again; on anything else, and in the first moment, nothing is. */
export class BarLine {
  readonly #sink: Sink;
  readonly #startedAt = performance.now();
  #drawnAt = this.#startedAt;
  #visible = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** `text` gets the seconds since the beginning. */
  async draw(text: (seconds: number) => string): Promise<void> {
    if (!this.#sink.isTerminal) return;
    const now = performance.now();
    if (now - this.#startedAt < quietMs || now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#visible = true;
    await this.#sink.write(`\r\u{1b}[K${text((now - this.#startedAt) / 1000)}`);
  }

  async clear(): Promise<void> {
    if (this.#visible) await this.#sink.write("\r\u{1b}[K");
    this.#visible = false;
  }
}

/** Returns a bar that is filled as far as `part` says, which is 1 at the end, with its percentage. */
export function bar(part: number): string {
  const bounded = Math.min(1, part);
  const filled = Math.round(bounded * barWidth);
  return `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}] ${Math.floor(bounded * 100)}%`;
}
