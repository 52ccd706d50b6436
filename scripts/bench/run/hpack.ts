/**
 * Header blocks of HTTP/2 requests as bytes (RFC 7541), for load generators that only send them.
 *
 * @module
 */

export type Header = readonly [name: string, value: string];

const literalIndexed = 0x40;
const indexed = 0x80;
const lengthMax = 0x7f;
/** Where a peer's dynamic table begins. */
const dynamicBegin = 62;

/** The block of a connection's first request: literals that enter the dynamic table. */
export function firstHeaderBlock(headers: readonly Header[]): Uint8Array {
  return Buffer.concat(
    headers.map(([name, value]) => Buffer.concat([Buffer.of(literalIndexed), text(name), text(value)])),
  );
}

/** The block of later requests with the same headers: references to the table, whose newest entry comes first. */
export function laterHeaderBlock(headers: readonly Header[]): Uint8Array {
  return Uint8Array.from(headers, (_, at) => indexed | (dynamicBegin + headers.length - 1 - at));
}

/** A string without Huffman coding. */
function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length >= lengthMax)
    throw new RangeError(`Cannot encode a header of ${bytes.length} bytes: at most ${lengthMax - 1}`);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
