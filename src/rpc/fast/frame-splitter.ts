import { Code, ConnectError } from "@connectrpc/connect";
import { limits } from "../../core/limits.ts";
import { frameHeaderBytes } from "./plain-answers.ts";

/** Cuts a stream of uncompressed frames, which arrives in pieces of any size, into messages. */
export class FrameSplitter {
  #pieces: Buffer[] = [];
  #length = 0;
  /** How many bytes the next step needs; until they are there, pieces are only kept. */
  #needed = frameHeaderBytes;

  /**
   * Takes the next piece and yields the messages it completes, as views. Throws ConnectError, as the general path
   * does, at a frame that is compressed or too large.
   */
  *push(piece: Buffer): Generator<Buffer, void> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#needed) return;
    let bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#length);
    this.#needed = frameHeaderBytes;
    while (bytes.length >= frameHeaderBytes) {
      const length = bytes.readUInt32BE(1);
      if (length > limits.requestBytesMax) throw tooLarge(length);
      if (bytes[0] !== 0) throw compressed();
      const end = frameHeaderBytes + length;
      if (bytes.length < end) {
        this.#needed = end;
        break;
      }
      yield bytes.subarray(frameHeaderBytes, end);
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

function tooLarge(length: number): ConnectError {
  return new ConnectError(
    `message size ${length} is larger than configured readMaxBytes ${limits.requestBytesMax}`,
    Code.ResourceExhausted,
  );
}

function compressed(): ConnectError {
  return new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal);
}
