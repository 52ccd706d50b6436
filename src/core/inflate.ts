/**
 * Returns the content of exactly one zlib stream, in an array that belongs to the caller. Throws if the
 * stream is damaged, is followed by anything, or does not hold `plainBytes` bytes; never takes more memory
 * than twice as many allow. [RFC 1950](https://www.rfc-editor.org/rfc/rfc1950)
 */
export type Inflate = (stream: Uint8Array, plainBytes: number) => Uint8Array;
