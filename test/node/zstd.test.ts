import zlib from "node:zlib";

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { createZstd } from "../../src/node/zstd.ts";

const zstd = createZstd();
const MiB = 1024 * 1024;
const windowBytesMax = 8 * MiB;

function unpack(frame: Uint8Array, plainBytes: number): Uint8Array {
  return zstd.decompress(frame, { plainBytes, windowBytesMax });
}

describe("createZstd()", () => {
  test("gives back what it compressed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.nat(50), async (bytes, repeats) => {
        const plain = new Uint8Array(Buffer.concat(Array.from({ length: repeats + 1 }, () => bytes)));
        expect(Buffer.compare(unpack(await zstd.compress(plain), plain.length), plain)).toBe(0);
      }),
    );
  });

  test("compresses the largest snapshot block into a frame within its own bounds", async () => {
    const plain = new Uint8Array(4 * MiB + 65_539);
    for (let i = 0; i < plain.length; i += 1) plain[i] = (i * i) >> 7;
    expect(unpack(await zstd.compress(plain), plain.length).length).toBe(plain.length);
  });

  test("decompress() returns memory of the caller's own", async () => {
    const frame = await zstd.compress(new Uint8Array(100).fill(1));
    const first = unpack(frame, 100);
    unpack(await zstd.compress(new Uint8Array(100).fill(2)), 100);
    expect([...first]).toEqual(Array.from({ length: 100 }, () => 1));
  });

  test("reads frames of every level, with and without checksum and content size", () => {
    const plain = new Uint8Array(300_000).map((_, i) => i % 251);
    for (const level of [1, 3, 12, 19]) {
      for (const [checksum, contentSize] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const) {
        const params = {
          [zlib.constants.ZSTD_c_compressionLevel]: level,
          [zlib.constants.ZSTD_c_checksumFlag]: checksum,
          [zlib.constants.ZSTD_c_contentSizeFlag]: contentSize,
        };
        const frame = zlib.zstdCompressSync(plain, { params });
        expect(Buffer.compare(unpack(frame, plain.length), plain)).toBe(0);
      }
    }
  });
});

const plain = new Uint8Array(1000).map((_, i) => i % 10);
const frame = new Uint8Array(await zstd.compress(plain));
const longer = await zstd.compress(new Uint8Array(1001));
const shorter = await zstd.compress(new Uint8Array(999));

describe("decompress() refuses", () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
  const table: [name: string, frame: Uint8Array, refused: string][] = [
    ["nothing", new Uint8Array(0), "ends too early"],
    ["something else", Buffer.from("\x1f\x8b\x08 gzip"), "not a zstd frame"],
    ["a longer content", longer, "declares 1001 bytes, not 1000"],
    ["a shorter content", shorter, "declares 999 bytes, not 1000"],
    ["two frames", Buffer.concat([frame, frame]), `ends at byte ${frame.length} of ${2 * frame.length}`],
    ["a byte after the frame", Buffer.concat([frame, Buffer.from([0])]), `ends at byte ${frame.length}`],
    ["a skippable frame", skippable, "not a zstd frame"],
    ["a skippable frame before", Buffer.concat([skippable, frame]), "not a zstd frame"],
    ["a skippable frame behind", Buffer.concat([frame, skippable]), `ends at byte ${frame.length}`],
    ["a frame that is cut off", frame.subarray(0, -1), "zstd frame ends"],
    [
      "a content size of 2^64 − 1",
      raw({ descriptor: 0b1110_0000, size: [255, 255, 255, 255, 255, 255, 255, 255] }),
      "declares 18446744073709551615 bytes",
    ],
    [
      "a window of 8 MiB and an eighth",
      raw({ window: 0b0110_1001 }),
      "needs a window of 9437184 bytes, over 8388608",
    ],
    ["the largest window there is", raw({ window: 0xff }), "needs a window of 4123168604160 bytes"],
    ["a dictionary", raw({ descriptor: 1, dictionary: [7] }), "needs a dictionary"],
    ["the reserved bit", raw({ descriptor: 0b1000 }), "reserved bit"],
    ["a reserved block type", raw({ block: 3 }), "invalid block"],
    ["a block over 128 KiB", raw({ blockBytes: 131_073 }), "invalid block"],
    ["a block that ends after the frame", raw({ blockBytes: 1000, content: 10 }), "zstd frame ends"],
    [
      "raw content that is too long, of no declared size",
      raw({ blockBytes: 1001, content: 1001 }),
      "holds more than 1000",
    ],
    [
      "raw content that is too short, of no declared size",
      raw({ blockBytes: 999, content: 999 }),
      "holds 999 bytes, not 1000",
    ],
    [
      "repeated content that is too long",
      raw({ block: 1, blockBytes: 131_072, content: 1 }),
      "holds more than 1000 bytes",
    ],
  ];
  test.each(table)("%s", (_name, bytes, refused) => {
    expect(() => unpack(bytes, plain.length)).toThrow(refused);
  });

  // Repeats that are longer than a run of one byte, so that the size shows only when it is unpacked.
  const bomb = new Uint8Array(64 * MiB).fill(1).map((_, i) => (i % 1000 === 0 ? 2 : 1));

  test("a bomb that declares its size, without unpacking it", () => {
    const declared = zlib.zstdCompressSync(bomb);
    expect(declared.length).toBeLessThan(MiB);
    expect(() => unpack(declared, MiB)).toThrow("declares 67108864 bytes, not 1048576");
  });

  test("a bomb that lies about its size or hides it, without the memory for it", () => {
    const params = { [zlib.constants.ZSTD_c_contentSizeFlag]: 0, [zlib.constants.ZSTD_c_windowLog]: 20 };
    const hidden = zlib.zstdCompressSync(bomb, { params });
    // A single segment with a size of four bytes, 1 MiB, in place of the window.
    const lying = Buffer.concat([
      hidden.subarray(0, 4),
      Buffer.from([0b1010_0000, 0, 0, 16, 0]),
      hidden.subarray(6),
    ]);
    Bun.gc(true);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 20; i += 1) {
      expect(() => unpack(hidden, MiB)).toThrow();
      expect(() => unpack(lying, MiB)).toThrow();
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * MiB);
  });

  test("damaged frames, or unpacks them to the right length, and fails in no other way", () => {
    fc.assert(
      fc.property(fc.nat(frame.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = frame.map((byte, i) => (i === at ? byte ^ flip : byte));
        expect(lengthOrError(() => unpack(damaged, plain.length))).toBeOneOf([plain.length, "Error"]);
      }),
      { numRuns: 500 },
    );
  });
});

interface Raw {
  descriptor?: number;
  window?: number;
  dictionary?: number[];
  size?: number[];
  block?: number;
  blockBytes?: number;
  content?: number;
}

/** A frame of one block, the last, with a window byte if it is not a single segment. */
function raw({ descriptor = 0, window = 0, dictionary = [], size = [], ...rest }: Raw): Uint8Array {
  const { block = 0, blockBytes = 1000, content = 1000 } = rest;
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  const blockHeader = Buffer.alloc(3);
  blockHeader.writeUIntLE(blockBytes * 8 + block * 2 + 1, 0, 3);
  return Buffer.concat([
    Buffer.from([
      0x28,
      0xb5,
      0x2f,
      0xfd,
      descriptor,
      ...(isSingleSegment ? [] : [window]),
      ...dictionary,
      ...size,
    ]),
    blockHeader,
    new Uint8Array(content),
  ]);
}

function lengthOrError(action: () => Uint8Array): number | string {
  try {
    return action().length;
  } catch (error) {
    return error instanceof Error ? "Error" : "not an error";
  }
}
