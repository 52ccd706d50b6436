import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseEntryLine } from "../../../src/cli/read/entry-line.ts";
import { LineQueue } from "../../../src/cli/read/line-queue.ts";
import { readLines } from "../../../src/cli/read/lines.ts";
import { metadataPair } from "../../../src/cli/read/metadata-pair.ts";
import { count, wholeNumber } from "../../../src/cli/read/whole-number.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { limits } from "../../../src/core/limits.ts";
import { encodeUtf8 } from "../../../src/core/utf8.ts";

describe("parseEntryLine()", () => {
  const nothing = {
    key: "k",
    payload: new Uint8Array(0),
    metadata: {},
    idempotencyKey: "",
    receivedLamport: 0n,
  };

  test.each([
    ["the default key and no payload", "{}", nothing],
    ["its own key", '{"key":"own"}', { ...nothing, key: "own" }],
    ["text", '{"text":"hé"}', { ...nothing, payload: encodeUtf8("hé") }],
    ["a JSON value", '{"json":{"a":[1, null]}}', { ...nothing, payload: encodeUtf8('{"a":[1,null]}') }],
    ["JSON null", '{"json":null}', { ...nothing, payload: encodeUtf8("null") }],
    ["base64", '{"payload":"AAE="}', { ...nothing, payload: new Uint8Array([0, 1]) }],
    ["metadata", '{"metadata":{"a":"1"}}', { ...nothing, metadata: { a: "1" } }],
    ["an idempotency key", '{"idempotencyKey":"x"}', { ...nothing, idempotencyKey: "x" }],
    [
      "a Lamport time",
      '{"receivedLamport":"4611686018427387904"}',
      { ...nothing, receivedLamport: 2n ** 62n },
    ],
    ["a Lamport time as a number", '{"receivedLamport":7}', { ...nothing, receivedLamport: 7n }],
    [
      "a line of get --json",
      '{"id":"01","key":"facts","payload":"AAE=","sequence":"3","appendedAtNs":"9","metadata":{"a":"1"},"lamport":"4","contentHash":"AA=="}',
      { ...nothing, key: "facts", payload: new Uint8Array([0, 1]), metadata: { a: "1" } },
    ],
  ])("reads %s", (_, line, expected) => {
    expect(parseEntryLine(line, "k")).toEqual(expected);
  });

  test.each([
    ["[]", "not a JSON object"],
    ["null", "not a JSON object"],
    ["{", "JSON"],
    ["{}", 'no "key"'],
    ['{"key":1}', '"key" is not a string'],
    ['{"key":"k","payload":"?"}', "not base64"],
    ['{"key":"k","text":1}', '"text" is not a string'],
    ['{"key":"k","text":"a","json":1}', 'both "text" and "json"'],
    ['{"key":"k","metadata":[]}', '"metadata" is not an object'],
    ['{"key":"k","metadata":{"a":1}}', 'metadata "a" is not a string'],
    ['{"key":"k","receivedLamport":-1}', "not a whole number"],
    ['{"key":"k","receivedLamport":1.5}', "not a whole number"],
    ['{"key":"k","txt":"typo"}', 'unknown field "txt"'],
    ['{"key":"\\ud800"}', "lone surrogate"],
    ['{"key":"k","text":"\\udc00"}', "lone surrogate"],
    ['{"key":"k","metadata":{"\\ud800":""}}', "lone surrogate"],
  ])("refuses %s", (line, message) => {
    expect(() => parseEntryLine(line, undefined)).toThrow(message);
  });
});

describe("readLines()", () => {
  test("returns the lines, wherever the chunks are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme" }).map((line) => line.replaceAll(/[\r\n]/g, ""))),
        fc.array(fc.nat(200)),
        fc.boolean(),
        async (lines, cuts, lastEnds) => {
          const text = lines.join("\n") + (lastEnds ? "\n" : "");
          const expected = text.split("\n");
          if (expected.at(-1) === "") expected.pop();
          const found = await collect(readLines(chunks(encodeUtf8(text), cuts), 10_000));
          expect(found).toEqual(expected.map((line, index) => ({ number: index + 1, text: line })));
        },
      ),
    );
  });

  test("drops the carriage return of a line", async () => {
    expect(await collect(readLines(chunks(encodeUtf8("a\r\nb\r"), []), 10))).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: "b" },
    ]);
  });

  test("refuses a line that is too long before it is complete", async () => {
    await expect(collect(readLines(chunks(encodeUtf8("ab\nabcdef"), [3, 3]), 4))).rejects.toThrow(
      "line 2 is longer than 4 bytes",
    );
  });

  test("refuses a line that is not UTF-8", async () => {
    await expect(collect(readLines(chunks(new Uint8Array([0x61, 0x0a, 0xff]), []), 4))).rejects.toThrow(
      "line 2 is not UTF-8",
    );
  });
});

describe("LineQueue", () => {
  const line = (number: number, bytes = 1) => ({
    number,
    entry: { key: "k", payload: new Uint8Array(bytes - 1) },
  });

  test("hands out what has come, in batches that the server takes", async () => {
    const queue = new LineQueue();
    const big = limits.batchBytesMax / 2;
    const pushing = (async () => {
      for (const bytes of [1, big, big, big]) await queue.push(line(bytes, bytes));
      for (let i = 0; i < limits.batchEntriesMax + 5; i += 1) await queue.push(line(i));
      queue.end();
    })();
    const sizes = [];
    for (let batch = await queue.take(); batch.length > 0; batch = await queue.take()) {
      const bytes = batch.reduce(
        (sum, { entry }) => sum + (entry.payload?.length ?? 0) + (entry.key?.length ?? 0),
        0,
      );
      expect(bytes).toBeLessThanOrEqual(limits.batchBytesMax);
      expect(batch.length).toBeLessThanOrEqual(limits.batchEntriesMax);
      sizes.push(batch.length);
    }
    await pushing;
    expect(sizes.reduce((sum, size) => sum + size)).toBe(4 + limits.batchEntriesMax + 5);
  });

  test("makes a writer wait that is ahead by a batch", async () => {
    const queue = new LineQueue();
    let pushed = 0;
    const pushing = (async () => {
      for (; pushed < limits.batchEntriesMax + 1; pushed += 1) await queue.push(line(pushed));
    })();
    for (let i = 0; i < 3 * limits.batchEntriesMax; i += 1) await Promise.resolve();
    expect(pushed).toBe(limits.batchEntriesMax - 1);
    expect(await queue.take()).toHaveLength(limits.batchEntriesMax);
    await pushing;
  });

  test("returns nothing after the end", async () => {
    const queue = new LineQueue();
    const taking = queue.take();
    queue.end();
    expect(await taking).toEqual([]);
  });
});

test.each([
  ["a=1", { a: "1" }],
  ["a=", { a: "" }],
  ["a=b=c", { a: "b=c" }],
])("metadataPair(%p)", (text, expected) => {
  expect(metadataPair(text, {})).toEqual(expected);
});

test.each([["a"], ["=1"], [""]])("metadataPair(%p) is refused", (text) => {
  expect(() => metadataPair(text, {})).toThrow(UsageError);
});

test("metadataPair() refuses a name that is given twice", () => {
  expect(() => metadataPair("a=2", { a: "1" })).toThrow("given twice");
});

test.each([
  ["0", 0n],
  ["18", 18n],
  ["007", 7n],
])("wholeNumber(%p)", (text, expected) => {
  expect(wholeNumber(18n)(text)).toBe(expected);
});

test.each([["19"], ["-1"], ["1.0"], ["1e1"], ["0x1"], [" 1"], [""], ["99999999999999999999999"]])(
  "wholeNumber(%p) is refused",
  (text) => {
    expect(() => wholeNumber(18n)(text)).toThrow(UsageError);
  },
);

test("count() takes what a uint32 holds", () => {
  expect(count("4294967295")).toBe(4_294_967_295);
  expect(() => count("4294967296")).toThrow(UsageError);
});

async function* chunks(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of cuts) {
    // One buffer for every chunk, as files do.
    if (start < bytes.length) yield bytes.slice(start, start + size);
    start += size;
  }
  if (start < bytes.length) yield bytes.slice(start);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
