import type { Socket } from "node:net";
import { asError } from "../../core/as-error.ts";
import { limits } from "../../core/limits.ts";

/** Label, lengths, and what sealing adds to a message. */
const framingBytes = 1024;
/** How long a stream that has sent all waits for the other side to close it, so that nothing sent is lost. */
const lingerMs = 500;

export interface TcpStreamOptions {
  /** Of the whole exchange. */
  readonly timeoutMs: number;
  readonly after: (afterMs: number, ring: () => void) => () => void;
  /** Takes bytes out of the budget of all streams together; false if it has not so many. */
  readonly takeBudget: (bytes: number) => boolean;
  readonly returnBudget: (bytes: number) => void;
  /** `bytes` belong to the receiver. */
  readonly onData: (bytes: Uint8Array) => void;
  /** The last call about the stream, unless {@link TcpStream.close} was called: then there is none. */
  readonly onEnded: (error: string | undefined) => void;
  /** The socket is gone. */
  readonly onGone: () => void;
}

/** One connection for one exchange, of bounded time and size, whichever side opened it. */
export class TcpStream {
  readonly #socket: Socket;
  readonly #options: TcpStreamOptions;
  readonly #cancelDeadline: () => void;
  #cancelLinger: (() => void) | undefined;
  #receivedBytes = 0;
  /** Nothing is reported any more; what was written is still sent. */
  #isClosing = false;

  /** `socket` must allow half-open connections; it may still be connecting. */
  constructor(socket: Socket, options: TcpStreamOptions) {
    this.#socket = socket;
    this.#options = options;
    const { timeoutMs } = options;
    this.#cancelDeadline = options.after(timeoutMs, () => this.#cut(`took longer than ${timeoutMs} ms`));
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.received(bytes as Uint8Array));
    socket.on("end", () => this.#ended());
    socket.on("finish", () => {
      this.#cancelLinger = options.after(lingerMs, () => socket.destroy());
    });
    socket.on("error", (error) => this.#report(asError(error).message));
    socket.on("close", () => this.#gone());
  }

  /** `bytes` must not change any more. They are not sent if the stream has ended. */
  write(bytes: Uint8Array): void {
    if (this.#isClosing) return;
    const waiting = this.#socket.writableLength + bytes.length;
    if (waiting > limits.gossipStreamBytesMax + framingBytes) this.#cut("does not take what it is sent");
    else this.#socket.write(bytes);
  }

  /** Sends what was written, and ends the stream without another word. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#socket.end();
  }

  /** Ends the stream at once and without another word, whatever was written. */
  destroy(): void {
    this.#isClosing = true;
    this.#socket.destroy();
  }

  /** Takes what was read from the socket. */
  received(bytes: Uint8Array): void {
    if (this.#receivedBytes + bytes.length > limits.gossipStreamBytesMax + framingBytes)
      return this.#cut(`sent more than ${limits.gossipStreamBytesMax} bytes`);
    if (!this.#options.takeBudget(bytes.length))
      return this.#cut(`was cut, as all together sent more than ${limits.gossipStreamsBytesMax} bytes`);
    this.#receivedBytes += bytes.length;
    if (!this.#isClosing) this.#options.onData(new Uint8Array(bytes));
  }

  /** The other side sends no more, but may still read. */
  #ended(): void {
    this.#report(undefined);
    this.#socket.end();
  }

  #cut(why: string): void {
    this.#report(`the stream ${why}`);
    this.#socket.destroy();
  }

  #report(error: string | undefined): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#options.onEnded(error);
  }

  #gone(): void {
    this.#cancelDeadline();
    this.#cancelLinger?.();
    this.#options.returnBudget(this.#receivedBytes);
    this.#report("the stream was closed");
    this.#options.onGone();
  }
}
