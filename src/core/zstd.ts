/** Decompression of snapshot blocks. [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878) */
export interface ZstdDecoder {
  /**
   * Returns the content of exactly one frame, in an array that belongs to the caller. Throws if the
   * frame is damaged, is followed by anything, needs a window over `windowBytesMax`, or is not
   * `plainBytes` long; never takes more memory than these bounds allow.
   */
  decompress(
    frame: Uint8Array,
    bounds: { readonly plainBytes: number; readonly windowBytesMax: number },
  ): Uint8Array;
}
