/**
 * Throws RangeError unless `frame` is exactly one zstd frame, without dictionary, whose declared sizes
 * are within the bounds. The compressed content itself is left to the decoder.
 * [RFC 8878, section 3.1.1](https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1)
 */
export function checkZstdFrame(
  frame: Uint8Array,
  bounds: { readonly plainBytes: number; readonly windowBytesMax: number },
): void {
  const header = readHeader(frame);
  if (header.contentBytes !== undefined && header.contentBytes !== BigInt(bounds.plainBytes)) {
    throw new RangeError(`zstd frame declares ${header.contentBytes} bytes, not ${bounds.plainBytes}`);
  }
  if (header.windowBytes > bounds.windowBytesMax) {
    throw new RangeError(
      `zstd frame needs a window of ${header.windowBytes} bytes, over ${bounds.windowBytesMax}`,
    );
  }
  const end = endOfBlocks(frame, header.bytes, bounds.plainBytes) + (header.hasChecksum ? 4 : 0);
  if (end !== frame.length) throw new RangeError(`zstd frame ends at byte ${end} of ${frame.length}`);
}

interface FrameHeader {
  /** Length of the header itself. */
  readonly bytes: number;
  readonly contentBytes: bigint | undefined;
  readonly windowBytes: number;
  readonly hasChecksum: boolean;
}

const magic = 0xfd2f_b528;

function readHeader(frame: Uint8Array): FrameHeader {
  if (Number(littleEndian(frame, 0, 4)) !== magic) throw new RangeError("not a zstd frame");
  const descriptor = Number(littleEndian(frame, 4, 1));
  if ((descriptor & 0b1000) !== 0) throw new RangeError("zstd frame has its reserved bit set");
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  let at = 5;
  const window = isSingleSegment ? undefined : Number(littleEndian(frame, at++, 1));
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 0b11] ?? 0;
  if (littleEndian(frame, at, dictionaryBytes) !== 0n) throw new RangeError("zstd frame needs a dictionary");
  at += dictionaryBytes;
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const content = littleEndian(frame, at, contentSizeBytes) + (contentSizeBytes === 2 ? 256n : 0n);
  return {
    bytes: at + contentSizeBytes,
    contentBytes: contentSizeBytes === 0 ? undefined : content,
    windowBytes: window === undefined ? Number(content) : windowBytes(window),
    hasChecksum: (descriptor & 0b100) !== 0,
  };
}

function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 0b111);
}

const blockBytesMax = 128 * 1024;
const blockType = { raw: 0, rle: 1, reserved: 3 };

/** Walks the block headers and returns where the last block ends. */
function endOfBlocks(frame: Uint8Array, start: number, plainBytes: number): number {
  let at = start;
  let plain = 0;
  for (;;) {
    const header = Number(littleEndian(frame, at, 3));
    const type = (header >> 1) & 0b11;
    const size = header >> 3;
    if (type === blockType.reserved || size > blockBytesMax)
      throw new RangeError("zstd frame has an invalid block");
    if (type === blockType.raw || type === blockType.rle) plain += size;
    if (plain > plainBytes) throw new RangeError(`zstd frame holds more than ${plainBytes} bytes`);
    at += 3 + (type === blockType.rle ? 1 : size);
    if ((header & 1) === 1) return at;
  }
}

function littleEndian(frame: Uint8Array, at: number, bytes: number): bigint {
  let value = 0n;
  for (let i = bytes - 1; i >= 0; i -= 1) {
    const byte = frame[at + i];
    if (byte === undefined) throw new RangeError("zstd frame ends too early");
    value = (value << 8n) | BigInt(byte);
  }
  return value;
}
