import type { Endpoint } from "./endpoint.ts";
import type { Effect, Notice } from "./effect.ts";
import type { StreamId, Timer } from "./input.ts";

/** Collects the effects of one input. */
export class Outbox {
  #effects: Effect[] = [];
  #tokens = 0;
  #streams = 0;

  /** Returns the effects so far, in order, and begins anew. */
  take(): readonly Effect[] {
    const effects = this.#effects;
    if (effects.length > 0) this.#effects = [];
    return effects;
  }

  push(effect: Effect): void {
    this.#effects.push(effect);
  }

  send(to: Endpoint, bytes: Uint8Array): void {
    this.#effects.push({ kind: "send", to, bytes });
  }

  notice(notice: Notice): void {
    this.#effects.push({ kind: "notice", notice });
  }

  /** Sets a timer and returns its token. */
  timer(kind: Timer["kind"], afterMs: number, id = 0): number {
    const token = ++this.#tokens;
    this.#effects.push({ kind: "set-timer", timer: { kind, id, token }, afterMs });
    return token;
  }

  /** Opens a stream, sends `bytes`, and returns its id. */
  openStream(to: Endpoint, bytes: Uint8Array, timeoutMs: number): StreamId {
    const stream = ++this.#streams;
    this.#effects.push({ kind: "open-stream", stream, to, bytes, timeoutMs });
    return stream;
  }

  /** Sends the last bytes of a stream, and closes it. */
  answerStream(stream: StreamId, bytes: Uint8Array): void {
    this.#effects.push({ kind: "write-stream", stream, bytes });
    this.closeStream(stream);
  }

  closeStream(stream: StreamId): void {
    this.#effects.push({ kind: "close-stream", stream });
  }
}
