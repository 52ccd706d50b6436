import type { Entry } from "../../src/core/entry.ts";
import type { LedgerError } from "../../src/core/errors.ts";
import type { Span } from "../../src/ledger/tail.ts";
import type { Watcher, WatchSink } from "../../src/ledger/watcher.ts";
import { decoded } from "./ledger-world.ts";

/** Keeps what a watcher is sent, and takes as many spans as it has room for. */
export class RecordingSink implements WatchSink {
  readonly received: Entry[] = [];
  readonly spans: Span[] = [];
  /** Everything in order, entries as their sequences. */
  readonly events: (number | string)[] = [];
  endedWith: LedgerError | undefined;
  /** How many more spans it takes before it asks to wait. */
  room = Number.POSITIVE_INFINITY;

  entries(span: Span): boolean {
    this.spans.push(span);
    for (const entry of span.entries) {
      this.received.push(decoded(entry));
      this.events.push(entry.sequence);
    }
    this.room -= 1;
    return this.room > 0;
  }

  heartbeat(latestSequence: number): boolean {
    this.events.push(`heartbeat ${latestSequence}`);
    this.room -= 1;
    return this.room > 0;
  }

  caughtUp(latestSequence: number): void {
    this.events.push(`caught up ${latestSequence}`);
  }

  reset(sequence: number): void {
    this.events.push(`reset ${sequence}`);
  }

  ended(error: LedgerError): void {
    this.endedWith = error;
    this.events.push(`ended ${error.facts.reason}`);
  }

  get sequences(): number[] {
    return this.received.map(({ sequence }) => sequence);
  }

  /** Makes room for more spans and says so to the watcher. */
  makeRoom(watcher: Watcher, spans: number): void {
    this.room = spans;
    watcher.resume();
  }
}
