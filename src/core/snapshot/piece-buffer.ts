import { ByteWriter } from "../byte-writer.ts";

/**
 * Cuts bytes that arrive in chunks of any size into pieces of wanted sizes. Copies a byte at most
 * once, and only if its piece spans chunks; holds less than one piece, and only what has arrived.
 */
export class PieceBuffer {
  readonly #held = new ByteWriter(64);
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** Bytes that arrived and were not taken yet. */
  get waiting(): number {
    return this.#held.length + this.#chunk.length - this.#at;
  }

  /** Adds a chunk. All pieces must have been taken from the one before. */
  put(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Returns the next `bytes` bytes, or undefined until they have arrived; asked again, it must be
   * for as many. The piece is a view that lasts until the next call.
   */
  take(bytes: number): Uint8Array | undefined {
    const rest = this.#chunk.length - this.#at;
    const missing = bytes - this.#held.length;
    if (this.#held.length === 0 && rest >= bytes) return this.#advance(bytes);
    if (rest < missing) {
      this.#held.raw(this.#advance(rest));
      return undefined;
    }
    const piece = this.#held.raw(this.#advance(missing)).view();
    this.#held.reset();
    return piece;
  }

  #advance(bytes: number): Uint8Array {
    const from = this.#at;
    this.#at += bytes;
    return this.#chunk.subarray(from, this.#at);
  }
}
