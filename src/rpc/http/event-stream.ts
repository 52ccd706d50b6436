import { limits } from "../../core/limits.ts";

/**
 * A response body that is written piece by piece, and says when its client has enough for now. Pieces are
 * held by reference until they are sent, so one array may go to many clients.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #closed = false;

  /** `onRoom` is called when the client can take more after it had enough, `onGone` when it has gone. */
  constructor(callbacks: { readonly onRoom: () => void; readonly onGone: () => void }) {
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => callbacks.onRoom(),
        cancel: () => {
          this.#closed = true;
          callbacks.onGone();
        },
      },
      { highWaterMark: limits.watcherBufferBytes, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }

  /** Sends bytes; returns false if the client has enough for now, or has gone. */
  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#controller === undefined) return false;
    this.#controller.enqueue(bytes);
    return (this.#controller.desiredSize ?? 0) > 0;
  }

  /** Ends the body after what was written. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller?.close();
  }
}
