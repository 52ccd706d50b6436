import type { Socket } from "node:net";
import { asError } from "../../core/as-error.ts";
import { limits } from "../../core/limits.ts";
import { type Frame, frameKind, readFrames } from "./frame.ts";
import type { Session } from "./handshake.ts";
import type { PeerCounters } from "./peer-counters.ts";
import type { PeerClock, PeerTiming } from "./peer-options.ts";
import { RecordReader } from "./record-reader.ts";
import { tagBytes } from "./record-cipher.ts";
import { type Outgoing, type RecordRoom, SendQueue } from "./send-queue.ts";

/** Why a connection is over. */
export interface Ending {
  readonly kind: "closed" | "silent" | "broken" | "violation";
  readonly text: string;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly session: Session;
  readonly clock: PeerClock;
  readonly timing: PeerTiming;
  readonly counters: PeerCounters;
}

/** What a role does with a connection. Both are called in order; none after `onEnded`. */
export interface ConnectionUser {
  /** Returns why the frame is against the rules, which ends the connection; undefined if it is not. */
  readonly onFrame: (frame: Frame) => string | undefined;
  readonly onEnded: (ending: Ending) => void;
}

const none = new Uint8Array(0);

/** One authenticated connection: frames in records, keep-alive, and back-pressure of the socket. */
export class Connection {
  readonly session: Session;
  readonly #options: ConnectionOptions;
  readonly #queue = new SendQueue();
  readonly #room: RecordRoom;
  readonly #reader = new RecordReader((record) => this.#receiveRecord(record));
  #user: ConnectionUser | undefined;
  #heardMs: number;
  #cancelTimer: () => void = () => undefined;
  #pings = 0;
  /** The socket takes nothing at the moment. */
  #isFull = false;
  #isFlushing = false;
  #ending: Ending | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.session = options.session;
    this.#room = { before: 4, after: options.session.sealer === undefined ? 0 : tagBytes };
    this.#heardMs = options.clock.nowMs();
  }

  get isEnded(): boolean {
    return this.#ending !== undefined;
  }

  /** Bytes that wait for the socket. */
  get unsentBytes(): number {
    return this.#queue.unsentBytes;
  }

  /** Begins to read. `rest` was read with the handshake. */
  start(user: ConnectionUser, rest: Uint8Array): void {
    this.#user = user;
    const { socket } = this.#options;
    socket.on("data", (bytes) => this.#receive(bytes as Uint8Array));
    socket.on("end", () => this.end({ kind: "closed", text: "the other side closed the connection" }));
    socket.on("error", (error) => this.end({ kind: "broken", text: asError(error).message }));
    socket.on("close", () => this.end({ kind: "closed", text: "the connection was closed" }));
    socket.on("drain", () => {
      this.#isFull = false;
      this.#flush();
    });
    this.#watch();
    if (socket.destroyed) return this.end({ kind: "closed", text: "the connection was closed" });
    if (rest.length > 0) this.#receive(rest);
  }

  /** Sends with what else is sent in this turn. Dropped if the connection has ended. */
  send(message: Outgoing): void {
    if (this.#ending !== undefined) return;
    this.#queue.push(message);
    this.#flushSoon();
    this.#boundQueue();
  }

  /** Sends a message without bytes before all others. */
  sendUrgent(kind: number, id: number, prefix: Uint8Array = none): void {
    if (this.#ending !== undefined) return;
    this.#queue.pushUrgent({ kind, id, prefix });
    this.#flushSoon();
    this.#boundQueue();
  }

  /** Forgets what of `id` is not sent. */
  drop(id: number): void {
    this.#queue.drop(id);
  }

  /** Cuts the connection at once. */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#cancelTimer();
    this.#reader.close();
    this.#options.socket.destroy();
    if (ending.kind === "violation") this.#options.counters.violations += 1;
    this.#user?.onEnded(ending);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ending !== undefined) return;
    this.#heardMs = this.#options.clock.nowMs();
    this.#options.counters.bytesIn += bytes.length;
    if (!this.#reader.read(bytes))
      this.#violated(`a record is empty or longer than ${limits.peerRecordBytesMax} bytes`);
  }

  #receiveRecord(record: Uint8Array): void {
    const { opener } = this.session;
    const plain = opener === undefined ? record : opener.open(record);
    if (plain === undefined) return this.#violated("a record is not the next one that was sealed");
    if (!readFrames(plain, (frame) => this.#receiveFrame(frame)))
      this.#violated("a record is not made of frames");
  }

  #receiveFrame(frame: Frame): void {
    if (this.#ending !== undefined) return;
    if (frame.kind === frameKind.ping) return this.sendUrgent(frameKind.pong, frame.id);
    if (frame.kind === frameKind.pong) return;
    const violation = this.#user?.onFrame(frame);
    if (violation !== undefined) this.#violated(violation);
  }

  /** A side that goes on asking without reading what it is told. */
  #boundQueue(): void {
    if (this.#queue.messages > limits.peerUnsentMax)
      this.#violated("the other side does not read what it is sent");
  }

  #violated(text: string): void {
    this.end({ kind: "violation", text });
  }

  #flushSoon(): void {
    if (this.#isFlushing || this.#isFull) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { socket, counters } = this.#options;
    while (!this.#isFull && this.#ending === undefined) {
      const record = this.#queue.next(this.#room);
      if (record === undefined) return;
      new DataView(record.buffer).setUint32(0, record.length - 4);
      this.session.sealer?.seal(record, 4);
      counters.bytesOut += record.length;
      this.#isFull = !socket.write(record);
    }
  }

  /** Asks if the other side is there when it was silent, and cuts the connection when it stays so. */
  #watch(): void {
    const { clock, timing } = this.#options;
    const silentMs = clock.nowMs() - this.#heardMs;
    if (silentMs >= timing.silentMs)
      return this.end({ kind: "silent", text: `nothing was heard for ${timing.silentMs} ms` });
    const hasAsked = silentMs >= timing.pingMs;
    if (hasAsked) this.sendUrgent(frameKind.ping, (this.#pings += 1));
    const dueMs = Math.min(timing.silentMs, hasAsked ? silentMs + timing.pingMs : timing.pingMs);
    this.#cancelTimer = clock.after(Math.max(1, dueMs - silentMs), () => this.#watch());
  }
}
