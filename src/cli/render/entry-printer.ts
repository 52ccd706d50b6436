import type { Entry } from "../../gen/converge/context/v1/context_pb.ts";
import type { Sink } from "../cli-io.ts";
import type { EntryFormat } from "../commands/entry-options.ts";
import { formatEntry } from "./entry-format.ts";

const bufferBytes = 64 * 1024;

/** Writes entries to a sink, many at a time. */
export class EntryPrinter {
  readonly #sink: Sink;
  readonly #format: EntryFormat;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(sink: Sink, format: EntryFormat) {
    this.#sink = sink;
    this.#format = format;
  }

  async print(entry: Entry): Promise<void> {
    const bytes = formatEntry(entry, this.#format);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= bufferBytes) await this.flush();
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#sink.write(bytes);
  }
}
