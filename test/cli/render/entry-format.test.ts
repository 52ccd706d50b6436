import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import { escapeText } from "../../../src/cli/render/escape.ts";
import { formatEntry } from "../../../src/cli/render/entry-format.ts";
import { payloadText } from "../../../src/cli/render/payload-text.ts";
import { sizeText } from "../../../src/cli/render/size-text.ts";
import { timeText } from "../../../src/cli/render/time-text.ts";
import { progressLine } from "../../../src/cli/render/progress.ts";
import { decodeUtf8, encodeUtf8 } from "../../../src/core/utf8.ts";
import { EntrySchema } from "../../../src/gen/converge/context/v1/context_pb.ts";

const entry = create(EntrySchema, {
  id: "0190",
  key: "facts",
  payload: encodeUtf8("hello\n"),
  sequence: 12n,
  appendedAtNs: 1_700_000_000_123_456_789n,
  metadata: { b: "2", a: "1" },
  lamport: 14n,
  contentHash: new Uint8Array([255]),
});

describe("formatEntry()", () => {
  test("text has sequence, time, key, payload and sorted metadata in columns", () => {
    const line = "12\t2023-11-14T22:13:20.123456789Z\tfacts\thello\\n\ta=1 b=2\n";
    expect(decodeUtf8(formatEntry(entry, "text"))).toBe(line);
  });

  test("json is one line of ProtoJSON", () => {
    const text = decodeUtf8(formatEntry(entry, "json"));
    expect(text.endsWith("}\n")).toBe(true);
    expect(JSON.parse(text)).toEqual({
      id: "0190",
      key: "facts",
      payload: "aGVsbG8K",
      sequence: "12",
      appendedAtNs: "1700000000123456789",
      metadata: { a: "1", b: "2" },
      lamport: "14",
      contentHash: "/w==",
    });
  });

  test("raw is the payload and nothing else", () => {
    expect(formatEntry(entry, "raw")).toEqual(entry.payload);
  });

  test("text stays on one line whatever an entry holds", () => {
    const hostile = "\u{1b}]0;owned\u{7}\n\t\u{202e}\u{2028}\u{85}";
    const evil = create(EntrySchema, {
      key: hostile,
      payload: encodeUtf8(hostile),
      metadata: { [hostile]: hostile },
    });
    const line = decodeUtf8(formatEntry(evil, "text"));
    expect(line.split("\n")).toHaveLength(2);
    expect(line.split("\t")).toHaveLength(5);
    expect(line.slice(0, -1).replaceAll("\t", "")).toMatch(/^[\x20-\x7e]*$/);
  });
});

test.each([
  ["plain ümlaut 漢字 🙂", "plain ümlaut 漢字 🙂"],
  ["a\tb\r\n", "a\\tb\\r\\n"],
  ["C:\\x", "C:\\\\x"],
  ["\u{1b}[31m", "\\u{1b}[31m"],
  ["\u{0}\u{7f}\u{9b}", "\\u{0}\\u{7f}\\u{9b}"],
  ["\u{202e}\u{2066}\u{200b}\u{feff}", "\\u{202e}\\u{2066}\\u{200b}\\u{feff}"],
  ["\u{e0041}", "\\u{e0041}"],
])("escapeText(%j) is %j", (text, escaped) => {
  expect(escapeText(text)).toBe(escaped);
});

test.each([
  ["empty", [], ""],
  ["text", [...encodeUtf8("hé")], "hé"],
  ["coloured text", [0x1b, 0x5b, 0x6d], "\\u{1b}[m"],
  ["bytes that are not UTF-8", [0xff, 0xfe], "base64://4="],
  ["control characters", [0x00, 0x01], "base64:AAE="],
  ["text that looks like the mark", [...encodeUtf8("base64:AAE=")], "\\u{62}ase64:AAE="],
])("payloadText() of %s", (_, bytes, expected) => {
  expect(payloadText(new Uint8Array(bytes))).toBe(expected);
});

test.each([
  [0n, "1970-01-01T00:00:00.000000000Z"],
  [1n, "1970-01-01T00:00:00.000000001Z"],
  [1_700_000_000_999_999_999n, "2023-11-14T22:13:20.999999999Z"],
  [2n ** 63n - 1n, "2262-04-11T23:47:16.854775807Z"],
])("timeText(%p) is %s", (ns, expected) => {
  expect(timeText(ns)).toBe(expected);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [99_949, "99.9 kB"],
  [99_950, "100 kB"],
  [999_499, "999 kB"],
  [999_500, "1.0 MB"],
  [64 * 1024 * 1024, "67.1 MB"],
])("sizeText(%p) is %s", (bytes, expected) => {
  expect(sizeText(bytes)).toBe(expected);
});

test.each([
  [
    { done: 5_000_000, total: 10_000_000, seconds: 2 },
    "[############------------] 50%  5.0 MB of 10.0 MB  2.5 MB/s",
  ],
  [{ done: 12, total: 10, seconds: 1 }, "[########################] 100%  12 B of 10 B  12 B/s"],
  [{ done: 0, total: 0, seconds: 1 }, "[########################] 100%  0 B of 0 B  0 B/s"],
  [{ done: 1000, total: undefined, seconds: 1 }, "1.0 kB  1.0 kB/s"],
])("progressLine(%p)", (state, expected) => {
  expect(progressLine(state)).toBe(expected);
});
