import zlib from "node:zlib";

import { describe, expect, test } from "bun:test";

import { inflate } from "../../src/node/inflate.ts";

const content = new Uint8Array(300_000).map((_, i) => i % 251);
const stream = zlib.deflateSync(content);

test("inflate() gives back what was packed, at every level", () => {
  for (const level of [0, 1, 6, 9])
    expect(Buffer.compare(inflate(zlib.deflateSync(content, { level }), content.length), content)).toBe(0);
});

test("inflate() gives back nothing that was packed", () => {
  expect(inflate(zlib.deflateSync(new Uint8Array(0)), 0)).toHaveLength(0);
});

describe("inflate() refuses", () => {
  const table: [string, Uint8Array, number, RegExp][] = [
    ["nothing", new Uint8Array(0), 10, /end of file/],
    ["a stream that is cut", stream.subarray(0, -1), content.length, /end of file/],
    ["bytes after the stream", Buffer.concat([stream, Buffer.from("x")]), content.length, /ends at byte/],
    ["a second stream after it", Buffer.concat([stream, stream]), content.length, /ends at byte/],
    ["more content than said", stream, content.length - 1, /larger than/],
    ["less content than said", stream, content.length + 1, /holds 300000 bytes, not 300001/],
    ["content where none was said", zlib.deflateSync(Buffer.from("ab")), 0, /larger than|not 0/],
    [
      "a wrong checksum",
      Buffer.concat([stream.subarray(0, -1), Buffer.from([(stream.at(-1) ?? 0) ^ 1])]),
      content.length,
      /check/,
    ],
    ["what is no zlib stream", Buffer.from("hello hello"), 10, /header/],
    ["a gzip stream", zlib.gzipSync(content), content.length, /header/],
    [
      "a stream that needs a dictionary",
      zlib.deflateSync(content, { dictionary: Buffer.from("abc") }),
      content.length,
      /dictionary/i,
    ],
  ];
  test.each(table)("%s", (_name, bytes, plainBytes, message) => {
    expect(() => inflate(bytes, plainBytes)).toThrow(message);
  });
});

test("inflate() stops at the size that was said, so that a bomb takes no memory", () => {
  const MiB = 1024 * 1024;
  const bomb = zlib.deflateSync(Buffer.alloc(256 * MiB));
  const before = process.memoryUsage().rss;
  expect(() => inflate(bomb, MiB)).toThrow(RangeError);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * MiB);
});
