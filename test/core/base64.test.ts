import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { base64, unbase64 } from "../../src/core/base64.ts";

// https://www.rfc-editor.org/rfc/rfc4648#section-10
const published: [string, string][] = [
  ["", ""],
  ["f", "Zg=="],
  ["fo", "Zm8="],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg=="],
  ["fooba", "Zm9vYmE="],
  ["foobar", "Zm9vYmFy"],
];

describe("base64() and unbase64()", () => {
  test.each(published)("turn %j into %j and back", (plain, encoded) => {
    const bytes = new TextEncoder().encode(plain);
    expect(base64(bytes)).toBe(encoded);
    expect(unbase64(encoded)).toEqual(bytes);
  });

  test("agree with Buffer on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(base64(bytes)).toBe(text);
        expect(unbase64(text)).toEqual(new Uint8Array(bytes));
      }),
    );
  });
});

describe("unbase64()", () => {
  test("takes no text but the one that base64() writes", () => {
    const digit = fc.constantFrom(...Array.from("ABfgwxyz019+/=-_ \n\u0100é"));
    fc.assert(
      fc.property(fc.string({ unit: digit, maxLength: 12 }), (text) => {
        const bytes = unbase64(text);
        expect(bytes === undefined || base64(bytes) === text).toBe(true);
        const decoded = Buffer.from(text, "base64");
        expect(bytes === undefined).toBe(decoded.toString("base64") !== text);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["a bit that no byte has", "Zh=="],
    ["two such bits", "Zm9="],
    ["no padding", "Zg"],
    ["too much padding", "Zg==="],
    ["padding alone", "===="],
    ["three times padding", "Z==="],
    ["padding inside", "Zg==Zg=="],
    ["a space", "Zm9 "],
    ["a line break", "Zm9v\n"],
    ["the alphabet of URLs", "Zm-_"],
    ["a letter that is not ASCII", "Zm9\u0176"],
  ])("refuses %s", (_, text) => {
    expect(unbase64(text)).toBeUndefined();
  });
});
