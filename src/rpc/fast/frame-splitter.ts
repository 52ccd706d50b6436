import { Code, ConnectError } from "@connectrpc/connect";
import { frameHeaderBytes } from "./plain-answers.ts";

/** Cuts a stream of frames, which arrives in pieces of any size, into frames. */
export class FrameSplitter {
  readonly #messageBytesMax: number;
  readonly #tooLong: () => ConnectError;
  #pieces: Buffer[] = [];
  #length = 0;
  /** How many bytes the next step needs; until they are there, pieces are only kept. */
  #needed = frameHeaderBytes;

  /** A frame that announces a longer message is answered with the error that `tooLong` returns. */
  constructor(messageBytesMax: number, tooLong: () => ConnectError) {
    this.#messageBytesMax = messageBytesMax;
    this.#tooLong = tooLong;
  }

  /** Takes the next piece and yields the frames it completes, with their headers, as views. */
  *push(piece: Uint8Array): Generator<Buffer, void> {
    this.#pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    this.#length += piece.length;
    if (this.#length < this.#needed) return;
    let bytes = joined(this.#pieces, this.#length);
    this.#needed = frameHeaderBytes;
    while (bytes.length >= frameHeaderBytes) {
      const length = bytes.readUInt32BE(1);
      if (length > this.#messageBytesMax) throw this.#tooLong();
      const end = frameHeaderBytes + length;
      if (bytes.length < end) {
        this.#needed = end;
        break;
      }
      yield bytes.subarray(0, end);
      bytes = bytes.subarray(end);
    }
    this.#pieces = bytes.length === 0 ? [] : [bytes];
    this.#length = bytes.length;
  }

  /** Bytes that wait for the end of their frame. */
  get waiting(): number {
    return this.#length;
  }

  /** Throws ConnectError if the stream has ended inside of a frame. */
  end(): void {
    if (this.#length > 0) throw new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
  }
}

/** The hot case is a piece that follows nothing; it is not copied. */
function joined(pieces: readonly Buffer[], length: number): Buffer {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, length);
}
