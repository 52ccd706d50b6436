import type { NewEntry } from "../../client/ledger-client.ts";
import { limits } from "../../core/limits.ts";
import { utf8Length } from "../../core/utf8.ts";

/** An entry and the line it came from. */
export interface ReadLine {
  readonly number: number;
  readonly entry: NewEntry;
}

/**
 * Entries between a reader of lines and a sender of batches. It holds at most about one batch: a reader
 * that is faster waits.
 */
export class LineQueue {
  #lines: ReadLine[] = [];
  #bytes = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  /** Resolves when there is room for more. */
  async push(line: ReadLine): Promise<void> {
    this.#lines.push(line);
    this.#bytes += batchBytes(line.entry);
    this.#wake();
    while (this.#lines.length >= limits.batchEntriesMax || this.#bytes >= limits.batchBytesMax) {
      await this.#changed.promise;
    }
  }

  /** No more lines will come. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Returns the next lines that fit one batch, at least one; none after the end. */
  async take(): Promise<ReadLine[]> {
    while (this.#lines.length === 0 && !this.#ended) await this.#changed.promise;
    let size = 0;
    let bytes = 0;
    for (const { entry } of this.#lines.slice(0, limits.batchEntriesMax)) {
      bytes += batchBytes(entry);
      if (size > 0 && bytes > limits.batchBytesMax) break;
      size += 1;
    }
    const batch = this.#lines.splice(0, size);
    for (const { entry } of batch) this.#bytes -= batchBytes(entry);
    this.#wake();
    return batch;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** Returns what an entry counts for in the size of its batch. */
function batchBytes(entry: NewEntry): number {
  let bytes = (entry.payload?.length ?? 0) + utf8Length(entry.key ?? "");
  for (const [name, value] of Object.entries(entry.metadata ?? {}))
    bytes += utf8Length(name) + utf8Length(value);
  return bytes;
}
