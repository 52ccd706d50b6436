import { frameHeadBytes, frameKind, writeFrameHead } from "./frame.ts";

/** One message on its way out: a frame, and as many more as its bytes take. */
export interface Outgoing {
  readonly kind: number;
  readonly id: number;
  /** What the first frame begins with. */
  readonly prefix: Uint8Array;
  /** Follows its length; undefined for frames that carry none. It must not change any more. */
  readonly bytes?: Uint8Array;
}

/** Room that whoever sends a record needs around its frames. */
export interface RecordRoom {
  readonly before: number;
  readonly after: number;
}

interface Lane {
  readonly id: number;
  readonly waiting: Outgoing[];
  /** Bytes of the first one that are sent; undefined if it has not begun. */
  sentBytes: number | undefined;
}

interface Piece {
  readonly kind: number;
  readonly id: number;
  readonly prefix: Uint8Array;
  /** Of the whole message, if this is its first frame and it has one. */
  readonly total: number | undefined;
  readonly bytes: Uint8Array;
}

/** What one turn of one message takes at most, and what one record holds. */
const turnBytes = 32 * 1024;
const recordBytes = 64 * 1024;
const none = new Uint8Array(0);

/** Messages that wait for the socket. Those of one id keep their order; different ids take turns, so that small ones pass large ones. */
export class SendQueue {
  readonly #urgent: Outgoing[] = [];
  readonly #lanes = new Map<number, Lane>();
  /** All lanes, the next one first. */
  #turns: Lane[] = [];
  #unsentBytes = 0;
  #messages = 0;

  /** Messages that are not all sent. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes of messages that are not in a record yet. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  push(message: Outgoing): void {
    this.#messages += 1;
    this.#unsentBytes += message.bytes?.length ?? 0;
    const lane = this.#lanes.get(message.id);
    if (lane !== undefined) {
      lane.waiting.push(message);
      return;
    }
    const opened: Lane = { id: message.id, waiting: [message], sentBytes: undefined };
    this.#lanes.set(message.id, opened);
    this.#turns.push(opened);
  }

  /** Sends a message without bytes before all others. */
  pushUrgent(message: Outgoing): void {
    this.#messages += 1;
    this.#urgent.push(message);
  }

  /** Forgets what of `id` is not sent. */
  drop(id: number): void {
    const lane = this.#lanes.get(id);
    if (lane === undefined) return;
    this.#messages -= lane.waiting.length;
    for (const { bytes } of lane.waiting) this.#unsentBytes -= bytes?.length ?? 0;
    this.#unsentBytes += lane.sentBytes ?? 0;
    this.#lanes.delete(id);
    this.#turns = this.#turns.filter((one) => one !== lane);
  }

  /** Returns the frames of the next record with `room` around them, or undefined if there is nothing to send. */
  next(room: RecordRoom): Uint8Array | undefined {
    const pieces: Piece[] = [];
    let size = 0;
    for (const { kind, id, prefix } of this.#urgent.splice(0, maxUrgent)) {
      this.#messages -= 1;
      pieces.push({ kind, id, prefix, total: undefined, bytes: none });
      size += frameHeadBytes + prefix.length;
    }
    while (size < recordBytes) {
      const lane = this.#turns[0];
      if (lane === undefined) break;
      const piece = this.#take(lane, Math.min(turnBytes, recordBytes - size));
      pieces.push(piece);
      size += sizeOf(piece);
    }
    return pieces.length === 0 ? undefined : assemble(pieces, size, room);
  }

  #take(lane: Lane, bytesMax: number): Piece {
    const [message] = lane.waiting;
    if (message === undefined) throw new Error("a lane that has a turn has a message");
    const { id, bytes = none } = message;
    const from = lane.sentBytes ?? 0;
    const part =
      bytes.length - from <= bytesMax ? bytes.subarray(from) : bytes.subarray(from, from + bytesMax);
    const isFirst = lane.sentBytes === undefined;
    const total = isFirst && message.bytes !== undefined ? bytes.length : undefined;
    const kind = isFirst ? message.kind : frameKind.more;
    this.#unsentBytes -= part.length;
    lane.sentBytes = from + part.length;
    if (lane.sentBytes === bytes.length) {
      lane.waiting.shift();
      this.#messages -= 1;
      lane.sentBytes = undefined;
    }
    this.#turns.shift();
    if (lane.waiting.length > 0) this.#turns.push(lane);
    else this.#lanes.delete(id);
    return { kind, id, prefix: isFirst ? message.prefix : none, total, bytes: part };
  }
}

const maxUrgent = 1024;

function sizeOf({ prefix, total, bytes }: Piece): number {
  return frameHeadBytes + prefix.length + (total === undefined ? 0 : 4) + bytes.length;
}

function assemble(pieces: readonly Piece[], size: number, room: RecordRoom): Uint8Array {
  const record = new Uint8Array(room.before + size + room.after);
  const view = new DataView(record.buffer);
  let at = room.before;
  for (const piece of pieces) {
    const { kind, id, prefix, total, bytes } = piece;
    writeFrameHead(view, at, { kind, id, length: sizeOf(piece) - frameHeadBytes });
    at += frameHeadBytes;
    record.set(prefix, at);
    at += prefix.length;
    if (total !== undefined) {
      view.setUint32(at, total);
      at += 4;
    }
    record.set(bytes, at);
    at += bytes.length;
  }
  return record;
}
